// Runs clients against the example: `node matrix.mjs <mcp_server> quick|extended|all [part of a name]`.
// See README.md.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../server.mjs';
import { CLIENTS, table } from './clients.mjs';

const SECONDS_PER_CLIENT = 90;
const GUIDE = new URL('../../../docs/mcp-server.md', import.meta.url);
// The requirements that `run` looks for, by the variable that it sets.
const NEEDS = {
  PYTHON_V1: 'Python 3.10 or later with venv',
  PYTHON_V2: 'Python 3.10 or later with venv',
  NODE_22: 'Node 22 or later',
  CHROMIUM: 'Chromium',
};
const STEPS = ['login', 'list', 'whoami', 'delete_note', 'delete_rules'];

const count = { passed: 0, failed: 0, skipped: 0 };
const running = new Set();

function ok(what) {
  count.passed += 1;
  console.log(`ok ${what}`);
}

function fail(what) {
  count.failed += 1;
  console.log(`FAILED ${what}`.replace(/\s+/g, ' '));
}

function skip(what) {
  count.skipped += 1;
  console.log(`skipped ${what}`);
}

// Each client is a process group, because some start other processes.
function stop(child) {
  running.delete(child);
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
const homes = mkdtempSync(join(tmpdir(), 'mcp-clients-'));
process.on('exit', () => {
  running.forEach(stop);
  rmSync(homes, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const [executable, mode = 'quick', part = ''] = process.argv.slice(2);
const rounds = Number(process.env.ROUNDS ?? 1);

if (mode !== 'extended') guide();
for (const client of CLIENTS) {
  const title = `${client.name} ${client.version}`;
  if (mode !== 'all' && (mode === 'quick') !== Boolean(client.quick)) continue;
  if (!title.includes(part)) continue;
  const missing = client.needs.find((variable) => !process.env[variable]);
  if (missing) {
    skip(`${title}: it needs ${NEEDS[missing]}`);
    continue;
  }
  pinned(title, client);
  for (let round = 1; round <= rounds; round += 1) {
    const what = rounds > 1 ? `${title}, round ${round}` : title;
    // Each step records its own result. This records errors outside of the steps.
    await play(what, client).catch((error) => fail(`${what}: ${error.message}`));
  }
}
const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
console.log(`${count.passed} passed, ${count.failed} failed${skipped}`);
process.exit(count.failed === 0 ? 0 : 1);

function guide() {
  const what = 'docs/mcp-server.md has the table of these expectations';
  if (readFileSync(GUIDE, 'utf8').includes(table())) ok(what);
  else fail(`${what}; it should be:\n${table()}`);
}

function pinned(title, { pinned: [file, name], version }) {
  const pins = readFileSync(new URL(file, import.meta.url), 'utf8');
  const pin = file.endsWith('.json') ? `"${name}": "${version}"` : `\n${name}==${version}\n`;
  if (!pins.includes(pin)) fail(`${title}: ${file} pins another version`);
}

// Runs one client, from the URL to a deleted note, and records the outcome of each step.
async function play(title, client) {
  const server = await startServer(executable, {});
  const home = mkdtempSync(join(homes, 'client-'));
  const failedBefore = count.failed;
  const { steps, log } = await run(client, `${server.url}/mcp`, home);
  for (const step of STEPS) judge(`${title}: ${step}`, client.expected[step], steps.get(step));
  if (count.failed > failedBefore) {
    console.error(`output of ${title}:\n${log}\nlog of mcp_server:\n${server.log()}`);
  }
  await server.stop();
}

function judge(what, expected, reported) {
  if (!reported) return fail(`${what}: the client ended or hung before it`);
  const { outcome, detail } = reported;
  if (outcome !== expected.outcome) {
    const believed = expected.outcome === 'no' ? `; it was expected to fail: ${expected.because}` : '';
    return fail(`${what}: ${outcome}, ${detail}${believed}`);
  }
  const { shows } = expected;
  if (shows instanceof RegExp ? !shows.test(detail) : shows !== detail) {
    return fail(`${what}: ${outcome}, but "${detail}" is not ${shows}`);
  }
  ok(expected.outcome === 'no' ? `${what} fails as expected: ${expected.because}` : what);
}

// Runs the client in a process group of its own. Returns the reported outcomes by step.
async function run({ command, options = [] }, url, home) {
  const [program, ...rest] = command;
  const interpreter = program === '$NODE' ? process.execPath : process.env[program.slice(1)];
  const child = spawn(interpreter, [...rest, url, ...options], {
    cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname,
    detached: true,
    env: environment(home),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const timer = setTimeout(() => stop(child), SECONDS_PER_CLIENT * 1000);
  await once(child, 'close');
  clearTimeout(timer);
  stop(child);

  const steps = new Map();
  for (const line of output.split('\n')) {
    if (!line.startsWith('@')) continue;
    const { step, ...reported } = JSON.parse(line.slice(1));
    steps.set(step, reported);
  }
  return { steps, log: output + log };
}

// The environment of the client: no desktop, so that it cannot open a browser, and no credentials.
function environment(home) {
  const { PATH, CHROMIUM } = process.env;
  return {
    PATH,
    CHROMIUM,
    HOME: home,
    LANG: 'C.UTF-8',
    BROWSER: 'true',
    NO_COLOR: '1',
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
  };
}
