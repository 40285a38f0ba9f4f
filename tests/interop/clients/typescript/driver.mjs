// Shared code of the TypeScript clients: the user's browser, and the lines that the matrix reads.

export const CALLBACK = 'http://127.0.0.1:9/callback';

export function report(step, outcome, detail) {
  console.log(`@${JSON.stringify({ step, outcome, detail: String(detail) })}`);
}

// Opens the link as the user's browser does. The user consents. Returns the URL of the redirect.
export async function redirected(url) {
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(10_000) });
  const location = answer.headers.get('location');
  if (answer.status !== 302 || !location) throw new Error(`the authorization server answers ${answer.status}`);
  return new URL(location);
}

// An `OAuthClientProvider`, which both versions of the SDK have in the same form.
export class Provider {
  redirectUrl = CALLBACK;
  clientMetadata = {
    client_name: 'matrix',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };

  #kept = {};
  #redirect;

  // `forgetsRefreshTokens` is for an application that stores only access tokens.
  constructor({ forgetsRefreshTokens = false } = {}) {
    this.forgetsRefreshTokens = forgetsRefreshTokens;
  }

  clientInformation() {
    return this.#kept.client;
  }
  saveClientInformation(client) {
    this.#kept.client = client;
  }
  tokens() {
    return this.#kept.tokens;
  }
  saveTokens({ refresh_token, ...tokens }) {
    this.#kept.tokens = this.forgetsRefreshTokens ? tokens : { refresh_token, ...tokens };
  }
  codeVerifier() {
    return this.#kept.verifier;
  }
  saveCodeVerifier(verifier) {
    this.#kept.verifier = verifier;
  }
  // Only version 2: at the callback it checks that the authorization server is the same.
  discoveryState() {
    return this.#kept.discovery;
  }
  saveDiscoveryState(discovery) {
    this.#kept.discovery = discovery;
  }
  redirectToAuthorization(url) {
    this.#redirect = url;
  }

  // The parameters of the callback after the last link.
  async consent() {
    const url = this.#redirect;
    this.#redirect = undefined;
    if (!url) throw new Error('the client did not send the user anywhere');
    return (await redirected(url)).searchParams;
  }
}

// The steps of a client. `connect` returns a connected client. `finish` completes a login with the parameters of the
// callback. Both versions of the SDK throw `UnauthorizedError` if the user must log in first.
export async function run({ provider, connect, finish }) {
  const withLogin = async (action) => {
    try {
      return await action();
    } catch (error) {
      if (error.name !== 'UnauthorizedError' && !/Unauthorized/.test(error.message)) throw error;
      await finish(await provider.consent());
      return action();
    }
  };
  let client;
  try {
    client = await withLogin(connect);
    report('login', 'yes', client.getServerVersion().name);
  } catch (error) {
    report('login', 'no', error);
    return;
  }
  await steps(withLogin, client);
  await client.close();
}

export async function steps(withLogin, client) {
  const call = (name, args) =>
    withLogin(async () => {
      const result = await client.callTool({ name, arguments: args });
      if (result.isError) throw new Error(result.content[0].text);
      return result.content[0].text;
    });
  const attempt = async (step, action) => {
    try {
      report(step, 'yes', await action());
    } catch (error) {
      report(step, 'no', error);
    }
  };
  await attempt('list', async () => {
    const { tools } = await client.listTools();
    return tools.map((tool) => tool.name).sort().join(' ');
  });
  await attempt('whoami', () => call('whoami', {}));
  // Note 2 needs more scope by the rule for the tool. For note 1, the tool itself requires more scope.
  await attempt('delete_note', () => call('delete_note', { id: 2 }));
  await attempt('delete_rules', () => call('delete_note', { id: 1 }));
}
