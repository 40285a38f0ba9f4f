// nginx as a child process, which terminates TLS.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SECONDS_TO_START = 10;

// `block` returns the rest of the server's block for the arguments of `forwardTo`. That function starts nginx, since its
// configuration has the address of the server, which needs the URL of nginx.
export async function startNginx(executable, { cert, key }, block) {
  const directory = mkdtempSync(join(tmpdir(), 'nginx-'));
  const socket = join(directory, 'socket');
  let child;
  let log = '';
  const clean = () => {
    child?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', clean);

  // nginx cannot choose a free port and say which. So it listens on a socket in the file system, and this process passes
  // the bytes of TCP connections on.
  const front = createServer((client) => {
    const nginx = connect(socket);
    for (const stream of [client, nginx]) stream.on('error', () => [client, nginx].map((each) => each.destroy()));
    client.pipe(nginx).pipe(client);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');

  return {
    url: `https://127.0.0.1:${front.address().port}`,
    log: () => log,
    async forwardTo(...urls) {
      const files = { 'server.pem': cert, 'server.key': key, 'nginx.conf': configuration(socket, block(...urls)) };
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
      const options = ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'];
      child = spawn(executable, options, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
      let hasEnded = false;
      child.on('close', () => (hasEnded = true)).on('error', (error) => (log += error));
      const deadline = Date.now() + SECONDS_TO_START * 1000;
      while (!(await accepts(socket))) {
        if (hasEnded || Date.now() > deadline) throw new Error(`nginx does not start: ${log}`);
        await sleep(20);
      }
    },
    async stop() {
      front.close();
      clean();
      process.off('exit', clean);
    },
  };
}

async function accepts(socket) {
  const connection = connect(socket);
  try {
    await once(connection, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    connection.destroy();
  }
}

// One process, without a master that would have to end its workers.
function configuration(socket, block) {
  return `
daemon off;
master_process off;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen unix:${socket} ssl http2;
        ssl_certificate server.pem;
        ssl_certificate_key server.key;
        ${block}
    }
}
`;
}
