// The checks behind nginx: `node nginx.mjs <nginx> <bound_tokens_server>`, both executables. See ../README.md.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { SECRET } from '../provider.mjs';
import { check, failures, finish, limit } from '../report.mjs';
import { startServer } from '../server.mjs';
import { isGood, isRefused } from './answers.mjs';
import { CLIENTS } from './clients.mjs';
import { recorder, send, sendOverHttp2 } from './http.mjs';
import { INTROSPECTOR, startProvider } from './provider.mjs';
import { startNginx } from './proxy.mjs';

const SCOPE = 'notes:read';
const SECONDS_FOR_ALL = 60;
// Their proofs are longer than 8 KB.
const LONG = ['ML-DSA-65', 'ML-DSA-87'];

limit(SECONDS_FOR_ALL);

const [nginx, boundTokensServer] = process.argv.slice(2);
const certificates = JSON.parse(execFileSync(boundTokensServer, ['certificates'], { encoding: 'utf8' }));
const ca = certificates.server.cert;
const alice = { ca, ...certificates.alice };
const mallory = { ca, ...certificates.mallory };
// As nginx writes it.
const HEADER = { 'x-ssl-cert': encodeURIComponent(certificates.alice.cert) };
const provider = await startProvider(certificates);

await behindNginx('nginx', '', async (proxy, server, checks) => {
  await clientCertificates(proxy, server, checks);
  await dpop(proxy, checks);
  await checks('an ML-DSA-44 proof, which is shorter than 8 KB, is accepted', async () => {
    for (const sendTo of [send, sendOverHttp2]) {
      isGood(await sendTo({ url: proxy.resource, headers: await ownProof(server, 'ML-DSA-44') }, { ca }), 'own');
    }
  });
  for (const algorithm of LONG) {
    await checks(`nginx refuses an ${algorithm} proof, which the server accepts`, async () => {
      const headers = await ownProof(server, algorithm);
      const { status, body } = await send({ url: proxy.resource, headers }, { ca });
      assert.deepEqual([status, /Request Header Or Cookie Too Large/.test(body)], [400, true], body);
      isGood(await send({ url: server.resource, headers }), 'own');
    });
  }
  await checks('over HTTP/2, nginx ends the connection for an ML-DSA-87 proof', async () => {
    const headers = await ownProof(server, 'ML-DSA-87');
    await assert.rejects(sendOverHttp2({ url: proxy.resource, headers }, { ca }), { code: /^ERR_HTTP2_/ });
  });
});
await behindNginx('nginx with larger buffers', 'large_client_header_buffers 4 16k;', async (proxy, server, checks) => {
  for (const algorithm of LONG) {
    await checks(`an ${algorithm} proof is accepted, once`, async () => {
      const headers = await ownProof(server, algorithm);
      isGood(await send({ url: proxy.resource, headers }, { ca }), 'own');
      isRefused(await send({ url: proxy.resource, headers }, { ca }), 'DPoP', 'invalid_dpop_proof');
    });
    await checks(`an ${algorithm} proof is accepted over HTTP/2`, async () => {
      isGood(await sendOverHttp2({ url: proxy.resource, headers: await ownProof(server, algorithm) }, { ca }), 'own');
    });
  }
});
await provider.stop();
finish();

// Passes the certificate of the client on in a header.
function withCertificates(url, setting) {
  return `
        ssl_verify_client optional_no_ca;
        ${setting}
        location / {
            proxy_pass ${url};
            # The address that the server trusts.
            proxy_bind 127.0.0.2;
            # Replaces what the client sends. Without a certificate it is empty, and nginx sends no header.
            proxy_set_header x-ssl-cert $ssl_client_escaped_cert;
        }
`;
}

async function behindNginx(name, setting, scenario) {
  const failedBefore = failures();
  let proxy;
  let server;
  try {
    proxy = await startNginx(nginx, certificates.server, (url) => withCertificates(url, setting));
    server = await startServer(boundTokensServer, {
      ISSUER: provider.issuer,
      INTROSPECTION_URL: provider.introspectionUrl,
      CLIENT_ID: INTROSPECTOR,
      CLIENT_SECRET: SECRET,
      PUBLIC_URL: proxy.url,
    });
    await proxy.forwardTo(server.url);
    const resources = [proxy, server].map(({ url }) => ({ url, resource: `${url}/notes` }));
    await scenario(...resources, (about, test) => check(`${name}: ${about}`, test));
  } catch (error) {
    await check(`${name}: the scenario runs to its end`, () => Promise.reject(error));
  }
  if (failures() > failedBefore) {
    console.error(`log of nginx:\n${proxy?.log() ?? 'it did not start'}`);
    console.error(`log of the server:\n${server?.log() ?? 'it did not start'}`);
  }
  await server?.stop();
  await proxy?.stop();
}

async function clientCertificates({ resource }, server, checks) {
  const session = await CLIENTS['openid-client']({
    issuer: provider.issuer,
    id: 'certificate',
    resource,
    scope: SCOPE,
    recorder: recorder(alice),
  });
  const authorization = `Bearer ${session.token}`;

  await checks('a token is accepted with its certificate', async () => {
    isGood(await session.call(resource), 'certificate');
  });
  await checks('with another certificate, and without one: 401', async () => {
    for (const tls of [mallory, { ca }]) {
      isRefused(await send({ url: resource, headers: { authorization } }, tls), 'Bearer', 'invalid_token');
    }
  });
  await checks("the header of nginx, sent by the client: 401, with another certificate and without one", async () => {
    for (const tls of [mallory, { ca }]) {
      const headers = { authorization, ...HEADER };
      isRefused(await send({ url: resource, headers }, tls), 'Bearer', 'invalid_token');
    }
  });
  await checks('the header past nginx: 401, and 200 from the address of nginx', async () => {
    const direct = { url: server.resource, headers: { authorization, ...HEADER } };
    isRefused(await send(direct), 'Bearer', 'invalid_token');
    // The same request, so that the 401 is about the sender and not about the header.
    isGood(await send(direct, { localAddress: '127.0.0.2' }), 'certificate');
  });
}

async function dpop({ resource }, checks) {
  for (const client of Object.keys(CLIENTS)) {
    await checks(`${client}: a proof for the URL of nginx is accepted, once`, async () => {
      const { fetch, exchanges } = recorder({ ca });
      const session = await CLIENTS[client]({
        issuer: provider.issuer,
        id: 'dpop',
        resource,
        scope: SCOPE,
        algorithm: 'ES256',
        recorder: { fetch, exchanges },
      });
      isGood(await session.call(resource), 'dpop');
      isRefused(await send(exchanges.at(-1).request, { ca }), 'DPoP', 'invalid_dpop_proof');
    });
  }
}

// The headers of a request with a proof that the server makes, because the provider and Node 20 have no ML-DSA keys.
async function ownProof(server, algorithm) {
  const { token, proof } = JSON.parse((await send({ url: `${server.url}/proof/${algorithm}` })).body);
  return { authorization: `DPoP ${token}`, dpop: proof };
}
