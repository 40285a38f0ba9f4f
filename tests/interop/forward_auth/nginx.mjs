// The example `forward_auth` behind nginx, with the configuration of docs/forward-auth.md:
// `node nginx.mjs <nginx> <bound_tokens_server> <forward_auth>`, all executables. See ../README.md.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:tls';
import { CLIENTS } from '../possession/clients.mjs';
import { recorder, send, sendOverHttp2 } from '../possession/http.mjs';
import { startProvider } from '../possession/provider.mjs';
import { startNginx } from '../possession/proxy.mjs';
import { fetchToken } from '../provider.mjs';
import { check, failures, finish, limit } from '../report.mjs';
import { startServer } from '../server.mjs';

const SCOPE = 'notes:read';
const NAMES = ['result', 'subject', 'client', 'issuer', 'scopes', 'expires', 'token-id'].map((name) => `x-auth-${name}`);

limit(60);

const [nginx, boundTokensServer, forwardAuth] = process.argv.slice(2);
// The certificate of nginx.
const certificates = JSON.parse(execFileSync(boundTokensServer, ['certificates'], { encoding: 'utf8' }));
const tls = { ca: certificates.server.cert };
const provider = await startProvider(certificates);

// What the server behind nginx has received.
const received = [];
const backend = createServer((request, response) => {
  received.push({ url: request.url, method: request.method, headers: request.headersDistinct });
  response.end('inside');
});
backend.listen(0, '127.0.0.1');
await once(backend, 'listening');

const proxy = await startNginx(nginx, certificates.server, guide);
const server = await startServer(forwardAuth, {
  ISSUER: provider.issuer,
  RESOURCE: proxy.url,
  DPOP: 'optional',
  SCOPES: `/notes=${SCOPE}; /admin=notes:write`,
  ANONYMOUS: '/public',
});
await proxy.forwardTo(server.url, `http://127.0.0.1:${backend.address().port}`);
try {
  await checks();
} catch (error) {
  await check('the scenario runs to its end', () => Promise.reject(error));
}
if (failures() > 0) {
  console.error(`log of nginx:\n${proxy.log()}`);
  console.error(`log of the server:\n${server.log()}`);
}
await server.stop();
await proxy.stop();
backend.close();
backend.closeAllConnections();
await provider.stop();
finish();

// The configuration that the guide shows, with these two servers.
function guide(authUrl, backendUrl) {
  const text = readFileSync(new URL('../../../docs/forward-auth.md', import.meta.url), 'utf8');
  const [, block] = /^```nginx\n([^]*?)^```$/m.exec(text);
  return block.replaceAll('http://127.0.0.1:3000', authUrl).replaceAll('http://127.0.0.1:8080', backendUrl);
}

async function checks() {
  const token = await fetchToken(provider.issuer, 'plain', proxy.url, SCOPE);
  const authorization = `Bearer ${token}`;

  await check('forward_auth: a good token passes, and the server behind gets the caller and no token', async () => {
    for (const sendTo of [send, sendOverHttp2]) {
      const answer = await sendTo({ url: `${proxy.url}/notes?page=2`, headers: { authorization } }, tls);
      assert.deepEqual([answer.status, answer.body], [200, 'inside']);
      const { url, headers } = received.pop();
      assert.equal(url, '/notes?page=2');
      assert.deepEqual(headers['x-auth-result'], ['verified']);
      assert.deepEqual(headers['x-auth-client'], ['plain']);
      assert.deepEqual(headers['x-auth-issuer'], [encodeURIComponent(provider.issuer)]);
      assert.deepEqual(headers['x-auth-scopes'], ['notes%3Aread']);
      assert.ok(Number(headers['x-auth-expires'][0]) > Date.now() / 1000);
      assert.deepEqual([headers.authorization, headers.dpop], [undefined, undefined]);
    }
  });

  await check('forward_auth: identity headers of a client never arrive', async () => {
    const forged = Object.fromEntries(
      [...NAMES, ...NAMES.map((name) => name.replaceAll('-', '_'))].map((name) => [name, 'forged']),
    );
    for (const path of ['/public', '/public/x', '/notes']) {
      const credentials = path === '/notes' ? { authorization } : {};
      // Once, and twice in one request.
      for (const headers of [forged, Object.fromEntries(Object.entries(forged).map(([name]) => [name, ['forged', 'forged']]))]) {
        const answer = await send({ url: proxy.url + path, headers: { ...headers, ...credentials } }, tls);
        assert.equal(answer.status, 200);
        const found = received.pop().headers;
        const text = JSON.stringify(NAMES.map((name) => found[name]).concat(Object.keys(found).filter((name) => name.includes('_'))));
        assert.ok(!text.includes('forged') && !text.includes('x_auth'), text);
        const result = path === '/notes' ? 'verified' : 'anonymous';
        assert.deepEqual(found['x-auth-result'], [result]);
      }
    }
  });

  await check('forward_auth: a client cannot choose the method or the URI that is checked', async () => {
    const headers = {
      'x-original-uri': '/public',
      'x-original-method': 'OPTIONS',
      'x-forwarded-uri': '/public',
      'x-original-url': '/public',
    };
    const answer = await send({ url: `${proxy.url}/notes`, headers }, tls);
    assert.equal(answer.status, 401);
    // The check is not open to clients.
    const direct = await send({ url: `${proxy.url}/check`, headers: { ...headers, authorization } }, tls);
    assert.equal(direct.status, 404);
    assert.equal(received.length, 0);
  });

  await check('forward_auth: a 401 has its challenge, which leads to the metadata', async () => {
    for (const [headers, error] of [
      [{}, undefined],
      [{ authorization: 'Bearer made-up' }, 'invalid_token'],
    ]) {
      const { status, headers: fields } = await send({ url: `${proxy.url}/notes`, headers }, tls);
      assert.equal(status, 401);
      const challenge = fields['www-authenticate'][0];
      assert.match(challenge, /^Bearer /);
      assert.equal(/ error="(\w+)"/.exec(challenge)?.[1], error);
      const metadata = /resource_metadata="([^"]+)"/.exec(challenge)[1];
      const document = JSON.parse((await send({ url: metadata }, tls)).body);
      assert.deepEqual(document.authorization_servers, [provider.issuer]);
    }
  });

  await check('forward_auth: a 403 has its challenge', async () => {
    const { status, headers } = await send({ url: `${proxy.url}/admin`, headers: { authorization } }, tls);
    assert.equal(status, 403);
    assert.equal(headers['www-authenticate'].length, 1);
    assert.match(headers['www-authenticate'][0], /^Bearer error="insufficient_scope", scope="notes:write"/);
  });

  await check('forward_auth: a URI with several readings gets 400, and reaches nothing', async () => {
    for (const target of ['/public/%2e%2e/admin', '/public%2f..%2fadmin', '/public/..;/admin', '/x//admin']) {
      assert.equal(await rawStatus(target), 400, target);
    }
    // nginx decodes this one for its own locations, and forwards it as it is.
    assert.equal(await rawStatus('/%61dmin'), 401);
    assert.equal(received.length, 0);
  });

  for (const client of Object.keys(CLIENTS)) {
    await check(`forward_auth: ${client}: a proof for the URL of nginx is accepted, once and nowhere else`, async () => {
      const { fetch, exchanges } = recorder(tls);
      const session = await CLIENTS[client]({
        issuer: provider.issuer,
        id: 'dpop',
        resource: proxy.url,
        scope: SCOPE,
        algorithm: 'ES256',
        recorder: { fetch, exchanges },
      });
      const good = await session.call(`${proxy.url}/notes/1?x`);
      assert.deepEqual([good.status, good.body], [200, 'inside']);
      assert.deepEqual(received.pop().headers['x-auth-client'], ['dpop']);
      const { request } = exchanges.at(-1);
      const again = [request, { ...request, url: `${proxy.url}/notes/2` }, { ...request, method: 'DELETE' }];
      for (const each of again) isBadProof(await send(each, tls));
      // A thief of the token.
      const stolen = { url: request.url, headers: { authorization: `Bearer ${session.token}` } };
      assert.equal((await send(stolen, tls)).status, 401);
      assert.equal(received.length, 0);
    });
  }

  await check('forward_auth: while the issuer is down, a server without keys gets 503 through', async () => {
    const alone = await startServer(forwardAuth, { ISSUER: 'http://127.0.0.1:9', RESOURCE: proxy.url });
    const other = await startNginx(nginx, certificates.server, guide);
    try {
      await other.forwardTo(alone.url, `http://127.0.0.1:${backend.address().port}`);
      const encoded = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
      const claims = { iss: 'http://127.0.0.1:9', aud: proxy.url, exp: Math.floor(Date.now() / 1000) + 600 };
      const signature = token.split('.')[2];
      const headers = { authorization: `Bearer ${encoded({ alg: 'ES256' })}.${encoded(claims)}.${signature}` };
      const answer = await send({ url: `${other.url}/notes`, headers }, tls);
      assert.equal(answer.status, 503);
      assert.match(answer.headers['retry-after'][0], /^\d+$/);
      assert.equal(answer.headers['www-authenticate'], undefined);
      assert.equal(received.length, 0);
      // Without an answer, nginx lets nothing pass.
      await alone.stop();
      assert.equal((await send({ url: `${other.url}/notes`, headers }, tls)).status, 500);
    } finally {
      await other.stop();
      await alone.stop();
    }
  });
}

function isBadProof({ status, headers }) {
  assert.equal(status, 401);
  assert.match(headers['www-authenticate'][0], /^DPoP error="invalid_dpop_proof"/);
}

// Sends a request line as it is, which `URL` would normalize.
async function rawStatus(target) {
  const { hostname, port } = new URL(proxy.url);
  const socket = connect({ host: hostname, port, ...tls });
  // Not `end`: nginx answers no client that has closed its half of the connection.
  socket.write(`GET ${target} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`);
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk;
  return Number(text.split(' ')[1]);
}
