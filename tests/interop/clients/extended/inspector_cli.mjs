// The Inspector on the command line, with one process per call: `node inspector_cli.mjs <url>`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { report } from '../typescript/driver.mjs';
import { visitLinks } from './browser.mjs';

const [url] = process.argv.slice(2);
const launcher = fileURLToPath(
  new URL('node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url),
);

// The result of one method.
async function inspect(...options) {
  const child = spawn(
    process.execPath,
    [
      ...[launcher, '--cli', '--server-url', url, '--transport', 'http', '--format', 'json'],
      ...['--callback-url', 'http://127.0.0.1:0/oauth/callback', ...options],
    ],
    {
      // Without a terminal, it starts a login only if it is allowed to open a browser.
      env: { ...process.env, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let result = '';
  let trouble = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (result += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (trouble += text));
  visitLinks(child.stderr, /^Please navigate to: (http:\S+)$/);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(/\{"error".*\}/.exec(trouble)?.[0] ?? `exit code ${code}`);
  return JSON.parse(result);
}

async function call(tool, ...options) {
  const { result } = await inspect('--method', 'tools/call', '--tool-name', tool, ...options);
  if (result.isError) throw new Error(result.content[0].text);
  return result.content[0].text;
}

async function attempt(step, action) {
  try {
    report(step, 'yes', await action());
    return true;
  } catch (error) {
    report(step, 'no', error);
    return false;
  }
}

let tools;
const connected = await attempt('login', async () => {
  ({ tools } = (await inspect('--method', 'tools/list')).result);
  return '';
});
if (connected) {
  report('list', 'yes', tools.map((tool) => tool.name).sort().join(' '));
  await attempt('whoami', () => call('whoami'));
  await attempt('delete_note', () => call('delete_note', '--tool-arg', 'id=2'));
  await attempt('delete_rules', () => call('delete_note', '--tool-arg', 'id=1'));
}
