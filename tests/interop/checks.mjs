// The checks: `node checks.mjs <mcp_server> <introspection_server> <bound_tokens_server> <logout_server>`, all
// executables. See README.md.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ALGORITHMS,
  INTROSPECTOR,
  SECRET,
  fetchToken,
  generateKeys,
  revoke,
  startProvider,
} from './provider.mjs';
import { connect, consent } from './client.mjs';
import { logout } from './logout/checks.mjs';
import { possession } from './possession/checks.mjs';
import { check, failures, finish, limit } from './report.mjs';
import { admin, root, startServer, whoami } from './server.mjs';

const RESOURCE = 'https://notes.example.com/mcp';
const METADATA = 'https://notes.example.com/.well-known/oauth-protected-resource/mcp';
const ELSEWHERE = 'https://elsewhere.example.com/mcp';
const SECONDS_FOR_ALL = 120;
const SECONDS_TO_RECOVER = 20;

limit(SECONDS_FOR_ALL);

const [executable, introspects, checksProofs, logsOut] = process.argv.slice(2);
await stockClient();
await introspection('plain');
await introspection('signed');
await possession(executable, checksProofs);
await logout(logsOut);
for (const way of ['discovery', 'JWKS_URL']) {
  // Each check inside records its own result. This one records errors between the checks.
  const failedBefore = failures();
  let server;
  let provider;
  try {
    await scenario();
  } catch (error) {
    await check(`${way}: the scenario runs to its end`, () => Promise.reject(error));
  }
  if (failures() > failedBefore) console.error(`log of mcp_server, ${way}:\n${server?.log() ?? 'it did not start'}`);
  await server?.stop();
  await provider?.stop();

  async function scenario() {
    const keys = generateKeys(1);
    const token = (client, { resource = RESOURCE, scope = 'notes:read' } = {}) =>
      fetchToken(provider.issuer, client, resource, scope);
    const checks = (name, test) => check(`${way}: ${name}`, test);

    // The provider runs once before the server, to get a port, a token and the URL of its keys. Then it is stopped.
    provider = await startProvider(keys);
    const { issuer, port } = provider;
    const early = await token('ES256');
    const metadata = await fetch(`${issuer}/.well-known/openid-configuration`);
    const { jwks_uri: keyUrl } = await metadata.json();
    await provider.stop();
    provider = undefined;

    server = await startServer(executable, {
      ISSUER: issuer,
      RESOURCE,
      JWKS_URL: way === 'JWKS_URL' ? keyUrl : undefined,
    });
    const { url } = server;

    await checks('provider down, no token: 401 without an error', async () => {
      const answer = await whoami(url);
      assert.equal(answer.status, 401);
      assert.equal(answer.challenge, `Bearer realm="notes", scope="notes:read", resource_metadata="${METADATA}"`);
    });
    await checks('provider down, a token: 503 with Retry-After and no challenge', async () => {
      const answer = await whoami(url, early);
      assert.equal(answer.status, 503);
      assert.match(answer.retryAfter ?? 'no Retry-After', /^[1-9]\d*$/);
      assert.equal(answer.challenge, null);
    });

    provider = await startProvider(keys, port);
    await checks('provider up: the server accepts the same token without a restart', async () => {
      const deadline = Date.now() + SECONDS_TO_RECOVER * 1000;
      let answer = await whoami(url, early);
      while (answer.status === 503 && Date.now() < deadline) {
        await sleep(100);
        answer = await whoami(url, early);
      }
      isGood(answer, 'ES256');
    });

    for (const algorithm of ALGORITHMS) {
      await checks(`${algorithm}: a token is accepted`, async () => {
        const good = await token(algorithm);
        assert.equal(header(good).alg, algorithm);
        isGood(await whoami(url, good), algorithm);
      });
    }

    await checks('/admin without the scope: 403 that names it', async () => {
      const answer = await admin(url, await token('RS256'));
      assert.equal(answer.status, 403);
      assert.match(answer.challenge, /error="insufficient_scope", scope="notes:read admin", resource_metadata="https:/);
    });
    await checks('/admin with the scope: 200', async () => {
      const answer = await admin(url, await token('RS256', { scope: 'notes:read admin' }));
      assert.deepEqual([answer.status, answer.body], [200, 'Welcome, RS256.\n']);
    });

    await checks('a token for another resource: 401', async () => {
      const other = await token('ES256', { resource: ELSEWHERE });
      isInvalid(await whoami(url, other), 'audience');
    });
    await checks('an opaque token: 401', async () => {
      const opaque = await token('opaque');
      assert.ok(!opaque.includes('.'), 'it is not opaque');
      isInvalid(await whoami(url, opaque), 'malformed');
    });
    await checks('an expired token: 401', async () => {
      isInvalid(await whoami(url, await token('expired')), 'expired');
    });

    // The new keys come first, so that they sign from now on. The old ones stay, for tokens that are already issued.
    await provider.stop();
    provider = undefined;
    provider = await startProvider([...generateKeys(2), ...keys], port);
    await checks('rotation: a token of a new key is accepted at once', async () => {
      const rotated = await token('ES256');
      assert.deepEqual([header(early).kid, header(rotated).kid], ['ec-1', 'ec-2']);
      isGood(await whoami(url, rotated), 'ES256');
    });
    await checks('rotation: a token of an old key is still accepted', async () => {
      isGood(await whoami(url, early), 'ES256');
    });

    // After the rotation: a token with a bad signature can cause a fetch of the keys, under the same rate limit as a
    // token with an unknown key.
    for (const algorithm of ALGORITHMS) {
      await checks(`${algorithm}: a tampered token is refused`, async () => {
        const tampered = withMoreScope(await token(algorithm));
        isInvalid(await whoami(url, tampered), 'signature');
      });
    }
  }
}
finish();

// The official TypeScript client, which knows only the URL, against the example with its default configuration.
async function stockClient() {
  const server = await startServer(executable, {});
  const failedBefore = failures();
  const browser = { redirects: [] };
  let client;
  await check('stock client: it logs in with the scope of the 401', async () => {
    await assert.rejects(connect(`${server.url}/mcp`, browser), /Unauthorized/i);
    const asked = new URL(browser.redirects[0]).searchParams;
    assert.equal(asked.get('scope'), 'notes:read');
    assert.equal(asked.get('resource'), `${server.url}/mcp`);
    assert.equal(asked.get('code_challenge_method'), 'S256');
  });
  await check('stock client: after the login it calls a tool', async () => {
    await consent(browser);
    client = await connect(`${server.url}/mcp`, browser);
    const result = await client.callTool({ name: 'whoami', arguments: {} });
    assert.equal(result.content[0].text, 'alice with the scopes: notes:read');
  });
  await check('stock client: after a 403 it requests the scope of the tool from the user', async () => {
    const call = client.callTool({ name: 'delete_note', arguments: { id: 2 } });
    await assert.rejects(call, /Unauthorized/i);
    const asked = new URL(browser.redirects[1]).searchParams;
    assert.equal(asked.get('scope'), 'notes:read notes:write');
  });
  await check('stock client: with that scope the tool runs', async () => {
    await consent(browser);
    const result = await client.callTool({ name: 'delete_note', arguments: { id: 2 } });
    assert.equal(result.content[0].text, 'deleted: milk');
  });
  if (failures() > failedBefore) console.error(`log of mcp_server:\n${server.log()}`);
  await client?.close();
  await server.stop();
}

// Opaque tokens, which only the provider can verify. Its answers are plain or signed (RFC 9701).
async function introspection(answers) {
  const provider = await startProvider(generateKeys(1));
  const { issuer } = provider;
  const metadata = await fetch(`${issuer}/.well-known/openid-configuration`);
  const server = await startServer(introspects, {
    ISSUER: issuer,
    INTROSPECTION_URL: (await metadata.json()).introspection_endpoint,
    CLIENT_ID: INTROSPECTOR,
    CLIENT_SECRET: SECRET,
    RESOURCE,
    ANSWERS: answers,
  });
  const { url } = server;
  const failedBefore = failures();
  const token = (client, resource = RESOURCE) => fetchToken(issuer, client, resource, 'notes:read');
  const checks = (name, test) => check(`introspection, ${answers}: ${name}`, test);

  await checks('an opaque token is accepted, with its client and scopes', async () => {
    const opaque = await token('opaque');
    assert.ok(!opaque.includes('.'), 'it is not opaque');
    isGood(await root(url, opaque), 'opaque');
  });
  await checks('a JWT of the same provider is accepted', async () => {
    isGood(await root(url, await token('ES256')), 'ES256');
  });
  await checks('an opaque token for another resource: 401', async () => {
    isRefused(await root(url, await token('opaque', ELSEWHERE)), 'audience');
  });
  await checks('an unknown opaque token: 401', async () => {
    isRefused(await root(url, 'made-up'), 'not recognized');
  });
  await checks('a revoked opaque token: 401 when its cached result expires', async () => {
    const opaque = await token('opaque');
    isGood(await root(url, opaque), 'opaque');
    await revoke(issuer, 'opaque', opaque);
    const deadline = Date.now() + SECONDS_TO_RECOVER * 1000;
    let answer = await root(url, opaque);
    while (answer.status === 200 && Date.now() < deadline) {
      await sleep(100);
      answer = await root(url, opaque);
    }
    isRefused(answer, 'not recognized');
  });
  const orphan = await token('opaque');
  const jwt = await token('ES256');
  await provider.stop();
  await checks('provider down: 503 for an opaque token', async () => {
    const answer = await root(url, orphan);
    assert.equal(answer.status, 503);
    assert.equal(answer.challenge, null);
  });
  await checks('provider down: a JWT is accepted', async () => {
    isGood(await root(url, jwt), 'ES256');
  });
  if (failures() > failedBefore) console.error(`log of introspection_server:\n${server.log()}`);
  await server.stop();
}

function isRefused(answer, about) {
  assert.equal(answer.status, 401, JSON.stringify(answer));
  assert.match(answer.challenge, new RegExp(`^Bearer realm="notes", error="invalid_token".*${about}`));
}

function isGood(answer, client) {
  const good = answer.status === 200 && answer.body.includes(`${client} with the scopes: notes:read`);
  assert.ok(good, `not good: ${JSON.stringify(answer)}`);
}

// `about` is a word of the expected reason, so that a refusal for another reason fails the check.
function isInvalid(answer, about) {
  assert.equal(answer.status, 401, JSON.stringify(answer));
  const [start, description] = answer.challenge.split(', error_description=');
  assert.equal(
    start,
    `Bearer realm="notes", error="invalid_token", scope="notes:read", resource_metadata="${METADATA}"`,
  );
  assert.ok(description?.includes(about), `nothing about "${about}" in ${description}`);
}

function header(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
}

// A token whose holder added the scope `admin`.
function withMoreScope(token) {
  const [head, payload, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const changed = JSON.stringify({ ...claims, scope: 'notes:read admin' });
  return [head, Buffer.from(changed).toString('base64url'), signature].join('.');
}
