// Two client libraries, which get a bound token and call the server with it.

import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { SECRET } from '../provider.mjs';

// Each logs in by client credentials, with a DPoP key for `algorithm` or, without one, with the certificate of
// `recorder`. The result has the token, its type and `call(url, request, token)`, which sends a request with this or
// another token, and returns the status, the body and the challenges that the library has parsed.
export const CLIENTS = { 'openid-client': withOpenidClient, oauth4webapi: withOauth4webapi };

async function withOpenidClient({ issuer, id, resource, scope, algorithm, recorder }) {
  const config = await openid.discovery(
    new URL(issuer),
    id,
    { use_mtls_endpoint_aliases: !algorithm },
    algorithm ? openid.ClientSecretBasic(SECRET) : openid.TlsClientAuth(),
    { execute: [openid.allowInsecureRequests], [openid.customFetch]: recorder.fetch },
  );
  const keys = algorithm && (await openid.randomDPoPKeyPair(algorithm));
  const options = { DPoP: keys && openid.getDPoPHandle(config, keys) };
  const { access_token: token, token_type: type } = await openid.clientCredentialsGrant(
    config,
    { resource, scope },
    options,
  );
  return {
    token,
    type,
    call: (url, { method, headers, body } = GET, used = token) =>
      outcome(openid.fetchProtectedResource(config, used, new URL(url), method, body, new Headers(headers), options)),
  };
}

async function withOauth4webapi({ issuer, id, resource, scope, algorithm, recorder }) {
  const http = { [oauth.customFetch]: recorder.fetch, [oauth.allowInsecureRequests]: true };
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), http));
  const client = { client_id: id, use_mtls_endpoint_aliases: !algorithm };
  const authentication = algorithm ? oauth.ClientSecretBasic(SECRET) : oauth.TlsClientAuth();
  const DPoP = algorithm && oauth.DPoP(client, await oauth.generateKeyPair(algorithm));
  const { access_token: token, token_type: type } = await withNonce(async () => {
    const parameters = { resource, scope };
    const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, {
      ...http,
      DPoP,
    });
    return oauth.processClientCredentialsResponse(as, client, response);
  });
  const options = { ...http, DPoP };
  return {
    token,
    type,
    call: (url, { method, headers, body } = GET, used = token) =>
      outcome(
        withNonce(() =>
          oauth.protectedResourceRequest(used, method, new URL(url), new Headers(headers), body, options),
        ),
      ),
  };
}

const GET = { method: 'GET' };

// This library leaves the second attempt to its caller, and remembers the nonce for it.
async function withNonce(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return attempt();
  }
}

async function outcome(promise) {
  try {
    const response = await promise;
    return { status: response.status, body: await response.text(), challenges: [] };
  } catch (error) {
    if (error.code !== oauth.WWW_AUTHENTICATE_CHALLENGE) throw error;
    const challenges = error.cause.map(({ scheme, parameters }) => ({ scheme, ...parameters }));
    return { status: error.status, body: await error.response.text(), challenges };
  }
}
