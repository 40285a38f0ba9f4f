// The conformance suite's command line.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SECONDS_FOR_A_SCENARIO = 60;
const CLI = fileURLToPath(
  new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);

// The names of the scenarios for servers: for each version of the specification, and of extensions.
export async function listScenarios() {
  const { log } = await run('list', '--server');
  const byVersion = new Map();
  const extensions = [];
  for (const [, name, versions] of log.matchAll(/^ +- (\S+) \[(\S+)\]$/gm)) {
    for (const version of versions.split(',')) {
      if (version === 'extension') extensions.push(name);
      else byVersion.set(version, [...(byVersion.get(version) ?? []), name]);
    }
  }
  return { extensions, byVersion: new Map([...byVersion].sort()) };
}

// Runs the scenarios for this version one after another. `checks` returns the results of a scenario.
export async function runScenarios(url, version) {
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
  const removed = () => rmSync(directory, { recursive: true, force: true });
  process.on('exit', removed);
  const { log } = await run(
    'server',
    ...['--url', url],
    ...['--suite', 'all', '--spec-version', version],
    ...['--timeout', SECONDS_FOR_A_SCENARIO * 1000],
    ...['--output-dir', directory],
  );
  const found = new Map();
  for (const entry of readdirSync(directory)) {
    // The file name is the name of the scenario and the time. A scenario that could not run has no results.
    const name = /^server-(.+)-\d{4}-\d\d-\d\dT/.exec(entry)?.[1];
    try {
      found.set(name, JSON.parse(readFileSync(join(directory, entry, 'checks.json'))));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  removed();
  process.off('exit', removed);
  return { log, checks: (name) => found.get(name) ?? [] };
}

// The results contain the failed scenarios, so the exit code is ignored.
async function run(...options) {
  const child = spawn(process.execPath, [CLI, ...options], {
    // A proxy cannot reach the loopback interface of this machine.
    env: { ...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (log += text));
  }
  await once(child, 'close');
  process.off('exit', kill);
  return { log };
}
