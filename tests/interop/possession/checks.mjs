// The checks of bound tokens, a part of ../checks.mjs. See ../README.md.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as oauth from 'oauth4webapi';
import { SECRET, fetchToken } from '../provider.mjs';
import { check, failures } from '../report.mjs';
import { WHOAMI, startServer } from '../server.mjs';
import { isGood, isRefused } from './answers.mjs';
import { CLIENTS } from './clients.mjs';
import { recorder, send } from './http.mjs';
import { ALGORITHMS, INTROSPECTOR, startProvider } from './provider.mjs';

const SCOPE = 'notes:read';

// Both are executables.
export async function possession(mcpServer, boundTokensServer) {
  const certificates = JSON.parse(execFileSync(boundTokensServer, ['certificates'], { encoding: 'utf8' }));
  const provider = await startProvider(certificates);
  const { issuer } = provider;
  for (const mode of ['optional', 'required']) {
    const environment = { ISSUER: issuer, DPOP: mode, DPOP_NONCE: '1' };
    await withServer(`DPOP=${mode}`, mcpServer, environment, (url, checks) => nonces(issuer, url, mode, checks));
  }
  const environment = {
    ISSUER: issuer,
    INTROSPECTION_URL: provider.introspectionUrl,
    CLIENT_ID: INTROSPECTOR,
    CLIENT_SECRET: SECRET,
    SERVER_CERTIFICATE: certificates.server.cert,
    SERVER_KEY: certificates.server.key,
  };
  await withServer('bound tokens', boundTokensServer, environment, (url, checks) =>
    boundTokens(issuer, url, certificates, checks),
  );
  await provider.stop();
}

async function withServer(name, executable, environment, scenario) {
  const failedBefore = failures();
  let server;
  try {
    server = await startServer(executable, environment);
    await scenario(server.url, (about, test) => check(`${name}: ${about}`, test));
  } catch (error) {
    await check(`${name}: the scenario runs to its end`, () => Promise.reject(error));
  }
  if (failures() > failedBefore) console.error(`log, ${name}:\n${server?.log() ?? 'it did not start'}`);
  await server?.stop();
}

// The example MCP server, which requires nonces.
async function nonces(issuer, url, mode, checks) {
  const resource = `${url}/mcp`;
  const login = (client, algorithm, record = recorder()) =>
    CLIENTS[client]({ issuer, id: 'dpop', resource, scope: SCOPE, algorithm, recorder: record });

  await checks('a client library reads from the metadata that it has to use DPoP', async () => {
    const http = { [oauth.allowInsecureRequests]: true };
    const response = await oauth.resourceDiscoveryRequest(new URL(resource), http);
    const metadata = await oauth.processResourceDiscoveryResponse(new URL(resource), response);
    const supported = metadata.dpop_signing_alg_values_supported;
    // The metadata has the older name of Ed25519.
    const names = ALGORITHMS.map((algorithm) => algorithm.replace('Ed25519', 'EdDSA'));
    assert.deepEqual(names.filter((name) => !supported.includes(name)), []);
    assert.equal(metadata.dpop_bound_access_tokens_required, mode === 'required' ? true : undefined);
  });
  await checks('no token: a challenge for each scheme, without an error', async () => {
    const { status, headers } = await send({ url: resource, ...WHOAMI });
    const schemes = headers['www-authenticate'].map((field) => field.split(' ')[0]);
    assert.deepEqual([status, schemes], [401, mode === 'required' ? ['DPoP'] : ['Bearer', 'DPoP']]);
    assert.ok(!headers['www-authenticate'].join().includes('error'), headers['www-authenticate']);
  });

  for (const client of Object.keys(CLIENTS)) {
    const { fetch, exchanges } = recorder();
    const session = await login(client, 'ES256', { fetch, exchanges });
    await checks(`${client}: the first call gets a nonce, and succeeds with it`, async () => {
      assert.equal(session.type, 'dpop');
      exchanges.length = 0;
      isGood(await session.call(resource, WHOAMI), 'dpop');
      const [first, second] = exchanges.map(({ answer }) => answer);
      assert.deepEqual(exchanges.map(({ answer }) => answer.status), [401, 200]);
      isRefused(first, 'DPoP', 'use_dpop_nonce');
      assert.equal(first.headers['dpop-nonce'].length, 1);
      assert.deepEqual(first.headers['cache-control'], ['no-store']);
      // The nonce is still new.
      assert.equal(second.headers['dpop-nonce'], undefined);
    });
    await checks(`${client}: the next call has the nonce`, async () => {
      exchanges.length = 0;
      isGood(await session.call(resource, WHOAMI), 'dpop');
      assert.deepEqual(exchanges.map(({ answer }) => answer.status), [200]);
    });

    // The attack with a copy of the last request.
    const { request } = exchanges.at(-1);
    const { dpop, ...others } = request.headers;
    await checks(`${client}: the same request a second time: 401`, async () => {
      isRefused(await send(request), 'DPoP', 'invalid_dpop_proof');
    });
    await checks(`${client}: its token as Bearer: 401, with the proof and without`, async () => {
      const bearer = { ...others, authorization: `Bearer ${session.token}` };
      for (const headers of [bearer, { ...bearer, dpop }]) {
        isRefused(await send({ ...request, headers }), mode === 'required' ? 'DPoP' : 'Bearer', 'invalid_token');
      }
    });
    await checks(`${client}: its token with the key of another client: 401`, async () => {
      const thief = await login(client, 'ES256');
      const { status, challenges } = await thief.call(resource, WHOAMI, session.token);
      const errors = challenges.filter(({ error }) => error).map(({ scheme, error }) => [scheme, error]);
      assert.deepEqual([status, errors], [401, [['dpop', 'invalid_token']]]);
    });
  }

  for (const algorithm of ALGORITHMS) {
    await checks(`${algorithm}: a proof is accepted`, async () => {
      const { fetch, exchanges } = recorder();
      const session = await login('oauth4webapi', algorithm, { fetch, exchanges });
      isGood(await session.call(resource, WHOAMI), 'dpop');
      const [header] = exchanges.at(-1).request.headers.dpop.split('.');
      assert.equal(JSON.parse(Buffer.from(header, 'base64url')).alg, algorithm);
    });
  }

  await checks(`a token that is not bound: ${mode === 'required' ? 401 : 200}`, async () => {
    const token = await fetchToken(issuer, 'plain', resource, SCOPE);
    const headers = { ...WHOAMI.headers, authorization: `Bearer ${token}` };
    const answer = await send({ url: resource, ...WHOAMI, headers });
    if (mode === 'required') isRefused(answer, 'DPoP', 'invalid_token');
    else isGood(answer, 'plain');
  });
}

// A server with TLS, which accepts tokens that are bound by DPoP or to a certificate, as JWTs and opaque ones.
async function boundTokens(issuer, url, certificates, checks) {
  const resource = `${url}/notes`;
  const ca = certificates.server.cert;
  const alice = { ca, ...certificates.alice };
  const mallory = { ca, ...certificates.mallory };

  for (const client of Object.keys(CLIENTS)) {
    await checks(`${client}: an opaque token that is bound by DPoP`, async () => {
      const { fetch, exchanges } = recorder({ ca });
      const options = { issuer, id: 'dpop-opaque', resource, scope: SCOPE, algorithm: 'ES256' };
      const session = await CLIENTS[client]({ ...options, recorder: { fetch, exchanges } });
      assert.ok(!session.token.includes('.'), 'it is not opaque');
      isGood(await session.call(resource), 'dpop-opaque');
      const { request } = exchanges.at(-1);
      isRefused(await send(request, { ca }), 'DPoP', 'invalid_dpop_proof');
      const headers = { authorization: `Bearer ${session.token}` };
      isRefused(await send({ url: resource, headers }, { ca }), 'Bearer', 'invalid_token');
    });

    for (const id of ['certificate', 'certificate-opaque']) {
      const login = () => CLIENTS[client]({ issuer, id, resource, scope: SCOPE, recorder: recorder(alice) });
      await checks(`${client}, ${id}: the token is accepted with its certificate`, async () => {
        const session = await login();
        assert.equal(session.token.includes('.'), id === 'certificate');
        isGood(await session.call(resource), id);
      });
      await checks(`${client}, ${id}: with another certificate, and without one: 401`, async () => {
        const headers = { authorization: `Bearer ${(await login()).token}` };
        for (const tls of [mallory, { ca }]) {
          isRefused(await send({ url: resource, headers }, tls), 'Bearer', 'invalid_token');
        }
      });
    }
  }
  await checks('a token that is not bound is accepted without a certificate', async () => {
    const headers = { authorization: `Bearer ${await fetchToken(issuer, 'plain', resource, SCOPE)}` };
    isGood(await send({ url: resource, headers }, { ca }), 'plain');
  });
  await checks('the metadata says that tokens may be bound to certificates', async () => {
    const metadata = await send({ url: `${url}/.well-known/oauth-protected-resource/notes` }, { ca });
    assert.equal(JSON.parse(metadata.body).tls_client_certificate_bound_access_tokens, true);
  });
}
