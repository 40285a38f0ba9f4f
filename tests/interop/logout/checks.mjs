// oidc-provider logs users out by back channel, and the tokens of their sessions are refused.

import assert from 'node:assert/strict';
import { check, failures } from '../report.mjs';
import { root, startServer } from '../server.mjs';
import { Browser, CLIENT, startLogoutProvider } from './provider.mjs';

const RESOURCE = 'https://notes.example.com/api';

export async function logout(executable) {
  for (const sessionRequired of [true, false]) {
    const what = sessionRequired ? 'with sid' : 'with sub alone';
    const checks = (name, test) => check(`back-channel logout ${what}: ${name}`, test);
    const failedBefore = failures();
    let server;
    let provider;
    try {
      provider = await startLogoutProvider({
        resource: RESOURCE,
        sessionRequired,
        async start(issuer) {
          server = await startServer(executable, { ISSUER: issuer, RESOURCE, CLIENT_ID: CLIENT });
          return server.url;
        },
      });
      await scenario(server.url, provider, sessionRequired, checks);
    } catch (error) {
      await checks('the scenario runs to its end', () => Promise.reject(error));
    }
    if (failures() > failedBefore) console.error(`log of logout_server:\n${server?.log()}`);
    await server?.stop();
    provider?.stop();
  }
}

async function scenario(url, { issuer, outcomes }, sessionRequired, checks) {
  const [laptop, phone, other] = [1, 2, 3].map(() => new Browser(issuer));
  const onLaptop = await laptop.logIn('alice', RESOURCE);
  const onPhone = await phone.logIn('alice', RESOURCE);
  const ofBob = await other.logIn('bob', RESOURCE);

  await checks('tokens of three sessions are accepted', async () => {
    assert.equal(claims(onLaptop).sid !== undefined, sessionRequired);
    isGood(await root(url, onLaptop), 'alice');
    isGood(await root(url, onPhone), 'alice');
    isGood(await root(url, ofBob), 'bob');
  });
  await checks('the provider gets 200 for its logout token', async () => {
    await laptop.logOut();
    assert.deepEqual(outcomes, ['success']);
  });
  await checks('a token of the session is refused as revoked', async () => {
    isRevoked(await root(url, onLaptop));
  });
  await checks('another session of the user ends only without sid', async () => {
    const answer = await root(url, onPhone);
    if (sessionRequired) isGood(answer, 'alice');
    else isRevoked(answer);
  });
  await checks('another user stays logged in', async () => {
    isGood(await root(url, ofBob), 'bob');
  });
  await checks('a session that begins afterwards is accepted', async () => {
    // A date has whole seconds, and a logout ends the tokens of its second.
    const second = Math.floor(Date.now() / 1000);
    while (Math.floor(Date.now() / 1000) === second) await new Promise(setImmediate);
    isGood(await root(url, await laptop.logIn('alice', RESOURCE)), 'alice');
  });
}

function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

function isGood(answer, user) {
  assert.deepEqual([answer.status, answer.body], [200, `${user} with the scopes: notes:read`]);
}

function isRevoked(answer) {
  assert.equal(answer.status, 401, JSON.stringify(answer));
  assert.match(answer.challenge, /error="invalid_token", error_description="The access token was revoked"/);
}
