// An authorization server whose users log in and out, and a browser that has one session there.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { generateKeys } from '../provider.mjs';

// The warnings say that this is not a production setup. `../provider.mjs` silences them.
const { Provider } = await import('oidc-provider');

export const CLIENT = 'web-app';
const SECRET = 'secret';
// No request ever reaches it.
const CALLBACK = 'https://app.example.com/callback';
const SCOPE = 'notes:read';

// Listens before the provider exists: `start` gets the issuer, starts the API, and returns its URL, which is a part of
// the configuration. `sessionRequired` is whether logout tokens have a `sid`.
export async function startLogoutProvider({ resource, sessionRequired, start }) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const api = await start(issuer);
  const provider = new Provider(issuer, configuration(resource, sessionRequired, api));
  const callback = provider.callback();
  const outcomes = [];
  provider.on('backchannel.success', () => outcomes.push('success'));
  provider.on('backchannel.error', (_context, error) => outcomes.push(error.message));
  server.on('request', (request, response) => {
    const user = /^\/login\/([^/]+)\//.exec(request.url)?.[1];
    if (!user) return callback(request, response);
    provider.interactionFinished(request, response, { login: { accountId: user } });
  });
  return {
    issuer,
    // The answer to each logout token.
    outcomes,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function configuration(resource, sessionRequired, api) {
  return {
    jwks: { keys: generateKeys(1) },
    scopes: ['openid'],
    cookies: { keys: ['a secret of these checks'] },
    clients: [
      {
        client_id: CLIENT,
        client_secret: SECRET,
        redirect_uris: [CALLBACK],
        backchannel_logout_uri: `${api}/backchannel-logout`,
        backchannel_logout_session_required: sessionRequired,
      },
    ],
    // By default, the provider sends nothing to the loopback interface.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    pkce: { required: () => false },
    interactions: { url: (_context, { uid, params }) => `/login/${params.login_hint}/${uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    // The user consents to everything.
    async loadExistingGrant({ oidc }) {
      const { client, session } = oidc;
      const ids = { clientId: client.clientId, accountId: session.accountId };
      const grant = new oidc.provider.Grant(ids);
      grant.addOIDCScope('openid');
      grant.addResourceScope(resource, SCOPE);
      await grant.save();
      return grant;
    },
    // The session is not a claim of access tokens by default.
    extraTokenClaims: ({ oidc }) => ({ sid: oidc.entities.AuthorizationCode?.sid }),
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(context, form) {
          context.body = form;
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          audience: resource,
          scope: SCOPE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
        useGrantedResource: () => true,
      },
    },
  };
}

// A browser with its cookies, in which a user has one session.
export class Browser {
  #issuer;
  #cookies = new Map();

  constructor(issuer) {
    this.#issuer = issuer;
  }

  // Logs the user in with the authorization code flow, and returns the access token.
  async logIn(user, resource) {
    const parameters = new URLSearchParams({
      client_id: CLIENT,
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: `openid ${SCOPE}`,
      resource,
      login_hint: user,
    });
    let location = `${this.#issuer}/auth?${parameters}`;
    while (!location.startsWith(CALLBACK)) {
      const response = await this.#fetch(location);
      const next = response.headers.get('location');
      if (!next) throw new Error(`no redirect but ${response.status}: ${await response.text()}`);
      location = new URL(next, location).href;
    }
    const code = new URL(location).searchParams.get('code');
    if (!code) throw new Error(`no code: ${location}`);
    const response = await fetch(`${this.#issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${CLIENT}:${SECRET}`)}` },
      body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK }),
    });
    const tokens = await response.json();
    if (!tokens.access_token) throw new Error(JSON.stringify(tokens));
    return tokens.access_token;
  }

  // Logs the user out of the provider, as the user would.
  async logOut() {
    const page = await (await this.#fetch(`${this.#issuer}/session/end`)).text();
    const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(page);
    const body = new URLSearchParams({ xsrf, logout: 'yes' });
    const response = await this.#fetch(`${this.#issuer}/session/end/confirm`, { method: 'POST', body });
    if (response.status !== 303) throw new Error(`${response.status}: ${await response.text()}`);
  }

  async #fetch(url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const signal = AbortSignal.timeout(10_000);
    const response = await fetch(url, { ...options, headers: { cookie }, redirect: 'manual', signal });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.#cookies.set(name, value);
    }
    return response;
  }
}
