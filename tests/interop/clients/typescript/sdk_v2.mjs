// The TypeScript SDK, version 2: `node sdk_v2.mjs <url> [auto]`, where `auto` negotiates 2026-07-28.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Provider, run } from './driver.mjs';

const [url, mode] = process.argv.slice(2);
const provider = new Provider();
let transport;
await run({
  provider,
  async connect() {
    const client = new Client(
      { name: 'matrix', version: '1' },
      mode ? { versionNegotiation: { mode } } : undefined,
    );
    transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
    await client.connect(transport);
    return client;
  },
  finish: (callback) => transport.finishAuth(callback),
});
