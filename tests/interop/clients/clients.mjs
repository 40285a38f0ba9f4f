// The clients, their commands, and the expected outcome of each step. The matrix checks the outcomes, and the table in
// docs/mcp-server.md shows them.

const TOOLS = 'add delete_note whoami';
const READER = 'alice with the scopes: notes:read';
const EVERYTHING = 'alice with the scopes: notes:write notes:read';

// A success. `shows` is the expected output of the client: a text or a pattern.
const yes = (shows) => ({ outcome: 'yes', shows });
// A failure of the client. `shows` is the expected error, and `because` the reason for the table.
const no = (because, shows) => ({ outcome: 'no', because, shows });

const login = yes('notes');
const list = yes(TOOLS);
const deleted = yes('deleted: milk');
const deletedRules = yes('deleted: house rules');
// With a session, the response begins before the tool runs, so a refusal by the tool cannot be a 403.
const inSession = no('in a session, a refusal by the tool itself is a JSON-RPC error', /lacks a scope/);

const asReader = { login, list, whoami: yes(READER) };
const refreshes = no(
  'the client refreshes its token on a 403, which cannot widen the scope',
  /403 after trying upscoping/,
);

// `pinned` is the file with the version. `needs` has the variables of `run` that the client requires.
export const CLIENTS = [
  {
    name: 'Python SDK',
    version: '1.30.0',
    pinned: ['python/v1.txt', 'mcp'],
    quick: true,
    needs: ['PYTHON_V1'],
    command: ['$PYTHON_V1', '-B', 'python/sdk_v1.py'],
    expected: { ...asReader, delete_note: deleted, delete_rules: inSession },
  },
  {
    name: 'Python SDK',
    version: '2.3.0',
    pinned: ['python/v2.txt', 'mcp'],
    quick: true,
    needs: ['PYTHON_V2'],
    command: ['$PYTHON_V2', '-B', 'python/sdk_v2.py'],
    expected: { ...asReader, delete_note: deleted, delete_rules: deletedRules },
  },
  {
    name: 'FastMCP, `auth="oauth"`',
    version: '4.2.3',
    pinned: ['python/v2.txt', 'fastmcp'],
    quick: true,
    needs: ['PYTHON_V2'],
    command: ['$PYTHON_V2', '-B', 'python/fastmcp_client.py'],
    expected: { ...asReader, delete_note: deleted, delete_rules: deletedRules },
  },
  {
    name: 'TypeScript SDK',
    version: '1.32.2',
    pinned: ['package.json', '@modelcontextprotocol/sdk'],
    quick: true,
    needs: [],
    command: ['$NODE', 'typescript/sdk_v1.mjs'],
    expected: { ...asReader, delete_note: refreshes, delete_rules: refreshes },
  },
  {
    name: 'TypeScript SDK, without refresh tokens',
    version: '1.32.2',
    pinned: ['package.json', '@modelcontextprotocol/sdk'],
    quick: true,
    needs: [],
    command: ['$NODE', 'typescript/sdk_v1.mjs'],
    options: ['without-refresh-token'],
    expected: { ...asReader, delete_note: deleted, delete_rules: inSession },
  },
  {
    name: 'TypeScript SDK',
    version: '2.4.0',
    pinned: ['package.json', '@modelcontextprotocol/client'],
    quick: true,
    needs: [],
    command: ['$NODE', 'typescript/sdk_v2.mjs'],
    expected: { ...asReader, delete_note: deleted, delete_rules: inSession },
  },
  {
    name: 'TypeScript SDK, `mode: "auto"`',
    version: '2.4.0',
    pinned: ['package.json', '@modelcontextprotocol/client'],
    quick: true,
    needs: [],
    command: ['$NODE', 'typescript/sdk_v2.mjs'],
    options: ['auto'],
    expected: { ...asReader, delete_note: deleted, delete_rules: deletedRules },
  },
  {
    name: 'mcp-remote',
    version: '0.15.1',
    pinned: ['extended/package.json', 'mcp-remote'],
    needs: ['NODE_22'],
    command: ['$NODE_22', 'extended/mcp_remote.mjs'],
    expected: { ...asReader, delete_note: deleted, delete_rules: inSession },
  },
  {
    name: 'Inspector, CLI',
    version: '2.12.0',
    pinned: ['extended/package.json', '@modelcontextprotocol/inspector'],
    needs: ['NODE_22'],
    command: ['$NODE_22', 'extended/inspector_cli.mjs'],
    // Each call is a process, and its result does not name the server. The client requests all scopes at login.
    expected: {
      login: yes(''),
      list,
      whoami: yes(EVERYTHING),
      delete_note: deleted,
      delete_rules: inSession,
    },
  },
  {
    name: 'Inspector, web page in Chromium',
    version: '2.12.0',
    pinned: ['extended/package.json', '@modelcontextprotocol/inspector'],
    needs: ['NODE_22', 'CHROMIUM'],
    command: ['$NODE_22', 'extended/inspector_web.mjs'],
    expected: { ...asReader, delete_note: deleted, delete_rules: inSession },
  },
];

// The table in docs/mcp-server.md.
export function table() {
  const rows = CLIENTS.map(({ name, version, expected }) => {
    const { login, whoami, delete_note: note, delete_rules: rules } = expected;
    const everything = whoami.shows === EVERYTHING;
    const cells = [
      name,
      version,
      everything ? 'yes, for all scopes' : login.outcome,
      whoami.outcome,
      everything ? 'not needed' : note.outcome,
      rules === inSession ? 'no: session' : rules.outcome,
      note.because ?? '',
    ];
    return `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ');
  });
  return [
    '| client | version | login | tools | more scope for a tool | more scope for its arguments | why not |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
