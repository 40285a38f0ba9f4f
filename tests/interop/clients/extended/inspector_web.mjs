// The Inspector's page in Chromium: `node inspector_web.mjs <url>`, with the browser's path in `CHROMIUM`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { report } from '../typescript/driver.mjs';

const [url] = process.argv.slice(2);
const launcher = fileURLToPath(
  new URL('node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url),
);

// The Inspector requires a port. This one was free just before.
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// Starts the Inspector's server. Returns the URL of its page.
async function startInspector() {
  const child = spawn(process.execPath, [launcher, '--web', '--transport', 'http', '--server-url', url], {
    env: {
      ...process.env,
      CLIENT_PORT: await freePort(),
      MCP_SANDBOX_PORT: '0',
      MCP_APP_ORIGIN_PORT: '0',
      MCP_AUTO_OPEN_ENABLED: 'false',
      MCP_INSPECTOR_SECRET_STORE: 'memory',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    const page = /(http:\S+MCP_INSPECTOR_API_TOKEN=\S+)/.exec(line)?.[1];
    if (page) {
      child.stdout.resume();
      return page;
    }
  }
  throw new Error('the Inspector did not start');
}

async function attempt(step, action) {
  try {
    report(step, 'yes', await action());
  } catch (error) {
    report(step, 'no', error);
  }
}

const profile = await mkdtemp(join(process.env.HOME ?? tmpdir(), 'chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1600, height: 1200 },
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const page = await browser.newPage();
page.setDefaultTimeout(15_000);

const main = page.getByRole('main');
const dialog = page.getByRole('dialog', { name: 'Additional permissions required' });

// Runs a tool from its form. Returns the text of `result` on the page, or nothing if the page requests more scope
// instead.
async function call(tool, result, id) {
  // The result of the last call hides the form.
  const close = main.getByRole('button', { name: 'Close results' });
  if (await close.isVisible()) await close.click();
  await main.getByRole('button', { name: tool, exact: true }).click();
  if (id) await main.getByRole('textbox', { name: 'id' }).fill(id);
  await main.getByRole('button', { name: 'Execute Tool' }).click();
  const shown = main.getByText(result).first();
  await shown.or(dialog).first().waitFor();
  return (await dialog.isVisible()) ? undefined : shown.innerText();
}

await attempt('login', async () => {
  await page.goto(await startInspector());
  // The authorization server has no consent page, so the browser returns without a click.
  await page.getByRole('switch', { name: /Connect or disconnect/ }).click({ force: true });
  await page.getByText('Connected', { exact: true }).waitFor();
  return page.getByRole('banner').getByText('notes', { exact: true }).innerText();
});
await attempt('list', async () => {
  await page.getByRole('banner').getByText('Tools', { exact: true }).click();
  await page.getByRole('button', { name: 'whoami' }).waitFor();
  const tools = ['add', 'delete_note', 'whoami'];
  const shown = [];
  for (const tool of tools) if (await page.getByRole('button', { name: tool }).isVisible()) shown.push(tool);
  return shown.join(' ');
});
await attempt('whoami', () => call('whoami', /alice with the scopes: /));
await attempt('delete_note', async () => {
  const deleted = await call('delete_note', 'deleted: milk', '2');
  if (deleted) return deleted;
  await dialog.getByRole('button', { name: 'Authorize' }).click();
  await page.getByText('Step-up authorization succeeded').waitFor();
  return call('delete_note', 'deleted: milk', '2');
});
await attempt('delete_rules', async () => {
  const shown = await call('delete_note', /deleted: house rules|lacks a scope/, '1');
  if (!shown?.startsWith('deleted')) throw new Error(shown ?? 'the page asks for more scope');
  return shown;
});
await browser.close();
process.exit(0);
