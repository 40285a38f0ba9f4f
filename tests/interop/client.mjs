// The official TypeScript client with a simulated browser.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const CALLBACK = 'http://127.0.0.1:9/callback';

// A client that is connected to the server at `url`. `browser` has the state of earlier logins.
export async function connect(url, browser) {
  const client = new Client({ name: 'interop', version: '1' });
  browser.transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider(browser) });
  await client.connect(browser.transport);
  return client;
}

// The user consents to the last authorization request of the client.
export async function consent(browser) {
  const answer = await fetch(browser.redirects.at(-1), {
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
  });
  const code = new URL(answer.headers.get('location')).searchParams.get('code');
  await browser.transport.finishAuth(code);
}

function provider(browser) {
  return {
    redirectUrl: CALLBACK,
    clientMetadata: {
      client_name: 'interop',
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    clientInformation: () => browser.registration,
    saveClientInformation: (registration) => (browser.registration = registration),
    tokens: () => browser.tokens,
    // Drops the refresh token. With one, this client (1.32) refreshes when the server requires more scope, and gets the
    // same scope again.
    saveTokens: ({ refresh_token: _, ...tokens }) => (browser.tokens = tokens),
    codeVerifier: () => browser.verifier,
    saveCodeVerifier: (verifier) => (browser.verifier = verifier),
    redirectToAuthorization: (url) => {
      browser.redirects.push(url.href);
    },
  };
}
