// The TypeScript SDK, version 1: `node sdk_v1.mjs <url> [without-refresh-token]`.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Provider, run } from './driver.mjs';

const [url, option] = process.argv.slice(2);
const provider = new Provider({ forgetsRefreshTokens: option === 'without-refresh-token' });
let transport;
await run({
  provider,
  async connect() {
    const client = new Client({ name: 'matrix', version: '1' });
    transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
    await client.connect(transport);
    return client;
  },
  finish: (callback) => transport.finishAuth(callback.get('code')),
});
