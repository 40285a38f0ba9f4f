// The example `conformance_server` as a child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

// Starts the executable and waits for the lines with its addresses and the token. It is killed when this process exits.
export async function startServer(executable) {
  const child = spawn(executable, {
    env: { ...process.env, RUST_LOG: 'tower_bearer_auth=debug', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const ended = once(child, 'close');

  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const said = {};
  const lines = createInterface({ input: child.stdout, signal: AbortSignal.timeout(20_000) });
  await Promise.race([
    (async () => {
      for await (const line of lines) {
        const [name, value] = line.split(' ');
        said[name] = value;
        if (said.bare && said.guarded && said.token) break;
      }
    })(),
    ended.then(() => Promise.reject(new Error(`conformance_server ended at once: ${log}`))),
  ]);
  if (!said.token) throw new Error(`conformance_server did not say where it is: ${log}`);
  return { ...said, log: () => log };
}
