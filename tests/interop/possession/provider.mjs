// The authorization server: oidc-provider, which binds tokens to the key of a DPoP proof or to a client certificate.

import { X509Certificate, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { SECRET, generateKeys } from '../provider.mjs';

const { Provider } = await import('oidc-provider');

export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'Ed25519'];
// The client as which a server introspects tokens.
export const INTROSPECTOR = 'introspector';
// The clients by what their tokens are: each has a JWT or, with `-opaque`, a random token. Only the tokens of `plain`
// are not bound.
const CLIENTS = ['plain', 'dpop', 'dpop-opaque', 'certificate', 'certificate-opaque', INTROSPECTOR];
const SCOPES = ['notes:read', 'notes:write'];

// `certificates` are those of the server and of the client alice. The token endpoint is also served with TLS, where
// clients authenticate by certificate (RFC 8705 §5).
export async function startProvider(certificates) {
  const { cert, key } = certificates.server;
  const server = await listen(createServer());
  // The provider compares the certificate with the registered one, so none is refused here.
  const tlsServer = await listen(createTlsServer({ cert, key, requestCert: true, rejectUnauthorized: false }));
  // The issuer contains the port, which is known only now.
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const alias = `https://127.0.0.1:${tlsServer.address().port}/token`;
  const provider = new Provider(issuer, configuration(certificates.alice, alias));
  for (const each of [server, tlsServer]) each.on('request', provider.callback());
  return {
    issuer,
    introspectionUrl: `${issuer}/token/introspection`,
    async stop() {
      for (const each of [server, tlsServer]) {
        each.close();
        each.closeAllConnections();
        await once(each, 'close');
      }
    },
  };
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function configuration(alice, alias) {
  return {
    jwks: { keys: generateKeys(1) },
    scopes: SCOPES,
    clientAuthMethods: ['client_secret_basic', 'self_signed_tls_client_auth'],
    clients: CLIENTS.map((id) => client(id, alice)),
    discovery: { mtls_endpoint_aliases: { token_endpoint: alias } },
    enabledJWA: { dPoPSigningAlgValues: ALGORITHMS },
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_context, { clientId }) => clientId === INTROSPECTOR },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        getCertificate: ({ socket }) => socket.getPeerX509Certificate?.()?.toString(),
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, { clientId }) => ({
          audience: resource,
          scope: SCOPES.join(' '),
          accessTokenFormat: clientId.endsWith('-opaque') ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
}

function client(id, alice) {
  const common = {
    client_id: id,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  };
  if (!id.startsWith('certificate')) {
    return { ...common, client_secret: SECRET, dpop_bound_access_tokens: id.startsWith('dpop') };
  }
  const certificate = new X509Certificate(alice.cert);
  return {
    ...common,
    token_endpoint_auth_method: 'self_signed_tls_client_auth',
    tls_client_certificate_bound_access_tokens: true,
    jwks: {
      keys: [{ ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')] }],
    },
  };
}
