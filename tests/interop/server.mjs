// A server as a child process, and requests to it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

// Starts the executable and waits for the line that says where it listens.
export async function startServer(executable, environment) {
  const child = spawn(executable, {
    env: {
      ...process.env,
      // Ignores these variables of the caller's environment.
      ISSUER: undefined,
      RESOURCE: undefined,
      JWKS_URL: undefined,
      PUBLIC_KEY_PEM: undefined,
      DPOP: undefined,
      DPOP_NONCE: undefined,
      PUBLIC_URL: undefined,
      PROXY: undefined,
      CHECK_PATH: undefined,
      TRUSTED_PEERS: undefined,
      METHOD_HEADER: undefined,
      URI_HEADER: undefined,
      SCOPES: undefined,
      ANONYMOUS: undefined,
      STATUSES: undefined,
      // The log is printed if a check fails.
      RUST_LOG: 'tower_bearer_auth=debug,forward_auth=debug',
      NO_COLOR: '1',
      // A proxy cannot reach the loopback interface of this machine.
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
      BIND: '127.0.0.1:0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = once(child, 'close').finally(() => process.off('exit', kill));

  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const signal = AbortSignal.timeout(20_000);
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line', { signal }),
    ended.then(() => Promise.reject(new Error(`the server ended at once: ${log}`))),
  ]);
  const url = /^listening on (https?:\/\/\S+)$/.exec(line)?.[1];
  if (!url) throw new Error(`the server does not say where it listens, but: ${line}`);
  return {
    url,
    log: () => log,
    async stop() {
      kill();
      await ended.catch(() => {});
    },
  };
}

// A call of the tool `whoami`, in the form of MCP 2026-07-28, which needs no session.
export const WHOAMI = {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'whoami',
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'whoami',
      arguments: {},
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'interop', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
};

export function whoami(url, token) {
  return send(`${url}/mcp`, token, WHOAMI);
}

// The only route of the introspection server.
export function root(url, token) {
  return send(`${url}/`, token, {});
}

export function admin(url, token) {
  return send(`${url}/admin`, token, {});
}

async function send(url, token, { headers, ...request }) {
  const authorization = token && { authorization: `Bearer ${token}` };
  const response = await fetch(url, {
    ...request,
    headers: { ...headers, ...authorization },
    signal: AbortSignal.timeout(10_000),
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    retryAfter: response.headers.get('retry-after'),
    body: await response.text(),
  };
}
