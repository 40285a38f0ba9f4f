// mcp-remote, which a client starts as a process and uses over stdio: `node mcp_remote.mjs <url>`.

import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { report, steps } from '../typescript/driver.mjs';
import { visitLinks } from './browser.mjs';

const [url] = process.argv.slice(2);
const script = fileURLToPath(import.meta.resolve('mcp-remote/dist/proxy.js'));
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [script, url, '--auth-timeout', '15'],
  env: process.env,
  stderr: 'pipe',
});
visitLinks(transport.stderr, /^(http:\S+)$/);
const client = new Client({ name: 'matrix', version: '1' });
try {
  await client.connect(transport);
  report('login', 'yes', client.getServerVersion().name);
  await steps((action) => action(), client);
} catch (error) {
  report('login', 'no', error);
}
await client.close();
