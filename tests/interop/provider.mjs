// The authorization server: oidc-provider, with one client for each kind of token.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

// Silences the warning that this is not a production setup.
console.warn = () => {};
const { Provider } = await import('oidc-provider');

// Each name is also the ID of the client whose tokens are signed with the algorithm. `Ed25519` is the newer name of
// `EdDSA` with this curve (RFC 9864).
export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
// The client as which a server introspects tokens.
export const INTROSPECTOR = 'introspector';
const OTHER_CLIENTS = ['opaque', 'expired', INTROSPECTOR];
const SCOPES = ['notes:read', 'notes:write', 'admin'];
// The secret has characters that change in form encoding.
export const SECRET = '100% of no use + nowhere: else';

// One key of each type. They have no `alg`, so that the RSA key signs RS256 and PS256.
export function generateKeys(generation) {
  const key = (kid, type, options) => {
    const { privateKey } = generateKeyPairSync(type, options);
    return { ...privateKey.export({ format: 'jwk' }), kid: `${kid}-${generation}` };
  };
  return [
    key('rsa', 'rsa', { modulusLength: 2048 }),
    key('ec', 'ec', { namedCurve: 'P-256' }),
    key('ed', 'ed25519'),
  ];
}

// Listens on `port`, or on a free one. The first key of each type signs.
export async function startProvider(keys, port = 0) {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // The issuer contains the port, which is known only now.
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, configuration(keys)).callback());
  return {
    issuer,
    port: server.address().port,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function configuration(keys) {
  return {
    jwks: { keys },
    scopes: SCOPES,
    clients: [...ALGORITHMS, ...OTHER_CLIENTS].map((id) => ({
      client_id: id,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      // Signed for requests that ask for it (RFC 9701).
      ...(id === INTROSPECTOR && { introspection_signed_response_alg: 'ES256' }),
    })),
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, { clientId }) => ({
          audience: resource,
          scope: SCOPES.join(' '),
          accessTokenFormat: clientId === 'opaque' ? 'opaque' : 'jwt',
          jwt: { sign: { alg: ALGORITHMS.includes(clientId) ? clientId : 'ES256' } },
        }),
      },
    },
    formats: {
      customizers: {
        // Sets the dates into the past. With a short lifetime the check would wait for it and for the verifier's
        // leeway.
        jwt(_context, { clientId }, { payload }) {
          if (clientId === 'expired') {
            payload.iat -= 7200;
            payload.exp = payload.iat + 3600;
          }
        },
      },
    },
  };
}

// A token by client credentials (RFC 6749 §4.4) for a resource (RFC 8707).
export async function fetchToken(issuer, client, resource, scope) {
  const form = { grant_type: 'client_credentials', resource, scope };
  return JSON.parse(await post(`${issuer}/token`, client, form)).access_token;
}

// Revokes a token of this client (RFC 7009).
export async function revoke(issuer, client, token) {
  await post(`${issuer}/token/revocation`, client, { token });
}

async function post(url, client, form) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${client}:${encodeURIComponent(SECRET)}`)}`,
      // The provider restarts, and `fetch` does not retry a POST on a kept connection that is dead.
      connection: 'close',
    },
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(10_000),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`the provider answers ${response.status}: ${body}`);
  return body;
}
