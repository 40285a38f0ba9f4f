// The comparison: `node check.mjs <the conformance_server executable>`. See README.md.

import assert from 'node:assert/strict';
import { startProxy } from './proxy.mjs';
import { startServer } from './server.mjs';
import { listScenarios, runScenarios } from './suite.mjs';

const SECONDS_FOR_ALL = 360;

let passed = 0;
let failed = 0;
let skipped = 0;

// One line per scenario on stdout. Details go to stderr.
function ok(name) {
  passed += 1;
  console.log(`ok ${name}`);
}
function fail(name, reason) {
  failed += 1;
  console.log(`FAILED ${name}: ${reason.replace(/\s+/g, ' ')}`);
}
function skip(name, reason) {
  skipped += 1;
  console.log(`skipped ${name}: ${reason.replace(/\s+/g, ' ')}`);
}
function finish() {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

// The children are killed when this process exits. A signal must therefore call `process.exit`.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
setTimeout(() => {
  fail('all scenarios', `they did not end within ${SECONDS_FOR_ALL} s`);
  finish();
}, SECONDS_FOR_ALL * 1000).unref();

let server;
try {
  await scenarios();
} catch (error) {
  fail('the run', error.message);
  console.error(error);
}
if (failed > 0) console.error(`log of conformance_server:\n${server?.log() ?? 'it did not start'}`);
finish();

async function scenarios() {
  server = await startServer(process.argv[2]);
  const proxyUrl = await startProxy(server.guarded, `Bearer ${server.token}`);

  // If the guarded server accepted requests without a token, the comparison would prove nothing.
  const refused = await fetch(server.guarded, { method: 'POST' });
  assert.equal(refused.status, 401, 'the guarded server answers without a token');

  const { extensions, byVersion } = await listScenarios();
  for (const [version, names] of byVersion) {
    const bare = await runScenarios(server.bare, version);
    const guarded = await runScenarios(proxyUrl, version);
    const failedBefore = failed;
    for (const name of names) {
      compare(`${name} ${version}`, bare.checks(name), guarded.checks(name));
    }
    if (failed > failedBefore) console.error(`the suite on the guarded server:\n${guarded.log}`);
  }
  for (const name of extensions) skip(name, 'the server has no extensions');
  if (passed + failed === 0) fail('the comparison', 'no scenario passes on the bare server');
}

// A scenario that passes on the bare server must pass on the guarded one, with the same verdict for each check.
function compare(name, bare, guarded) {
  if (!passes(bare)) return skip(name, `it does not pass without the layers: ${complaints(bare)}`);
  if (!passes(guarded)) return fail(name, complaints(guarded));
  // Warnings are compared too: the suite emits one if an optional behaviour does not work.
  const [before, after] = [verdicts(bare), verdicts(guarded)];
  if (String(before) === String(after)) return ok(name);
  const lost = before.filter((verdict) => !after.includes(verdict));
  fail(name, `no longer ${lost.join(', ')}; ${complaints(guarded)}`);
}

function passes(checks) {
  const has = (status) => checks.some((check) => check.status === status);
  return has('SUCCESS') && !has('FAILURE');
}

// Without INFO, which logs the exchange and depends on timing.
function verdicts(checks) {
  return checks
    .filter(({ status }) => status !== 'INFO')
    .map(({ id, status }) => `${id} ${status}`)
    .sort();
}

function complaints(checks) {
  const of = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  return of.map(({ id, errorMessage }) => `${id}: ${errorMessage}`).join('; ') || 'no result';
}
