// Evaluates each query of the dashboard and each alert rule in Prometheus: `node checks.mjs <observability>`, the
// executable. Each check is a line, `ok` or `FAILED`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { check, finish, limit } from '../interop/report.mjs';

// What the example cannot show: it has no endpoint for introspection, and no store.
const WITHOUT_DATA = ['Introspection', 'Store of revocations'];
const SECONDS = 60;

limit(2 * SECONDS);

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const dashboard = JSON.parse(readFileSync(join(docs, 'grafana-dashboard.json'), 'utf8'));
const rules = readFileSync(join(docs, 'prometheus-alerts.yml'), 'utf8');
const ruleTests = readFileSync(new URL('alerts.test.yml', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const [observability] = process.argv.slice(2);
const requests = await startExample();
const prometheus = await startPrometheus(new URL(requests[0].url).host);

await check('every alert has a test in which it fires, and one in which it does not', () => {
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  assert.ok(alerts.length > 5, `${alerts}`);
  for (const alert of alerts) {
    const expected = [...ruleTests.matchAll(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:(.*)`, 'g'))];
    const quiet = expected.filter(([, alerts]) => alerts.trim() === '[]');
    assert.ok(quiet.length > 0, `${alert} fires in all tests`);
    assert.ok(expected.length > quiet.length, `${alert} fires in no test`);
  }
});

const queries = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, refId }) => ({ name: `${title} (${refId})`, expr: filled(expr), hasData: !WITHOUT_DATA.includes(title) })),
);
await check('the load reaches the dashboard', () => untilThereIsData());
for (const { name, expr, hasData } of queries) {
  await check(`dashboard: ${name}`, async () => {
    const found = await values(expr);
    assert.equal(found.length > 0, hasData, `${expr}: ${JSON.stringify(found)}`);
  });
}
for (const { name, definition } of dashboard.templating.list.filter(({ type }) => type === 'query')) {
  await check(`dashboard: the variable ${name}`, async () => {
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition);
    const parameters = new URLSearchParams({ 'match[]': filled(selector) });
    assert.equal((await ask(`label/${label}/values?${parameters}`)).length, 1);
  });
}
await check('every rule is evaluated without an error', async () => {
  const { groups } = await ask('rules');
  for (const { name, health, lastError } of groups.flatMap((group) => group.rules)) {
    assert.deepEqual([name, health, lastError], [name, 'ok', undefined]);
  }
  assert.equal(groups[0].rules.length, rules.match(/- alert:/g).length);
});
await check('no alert fires in normal operation', async () => {
  const { alerts } = await ask('alerts');
  assert.deepEqual(alerts.filter(({ state }) => state === 'firing'), []);
});
finish();

// The requests whose curl commands the example prints.
async function startExample() {
  const child = start(observability, [], { BIND: '127.0.0.1:0' });
  const found = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url, options] = /^curl (?:-i )?(\S+)(.*)$/.exec(line) ?? [];
    if (!url) continue;
    const headers = [...options.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value]);
    found.push({ url, headers });
    if (url.endsWith('/metrics')) break;
  }
  child.stdout.resume();
  return found;
}

async function startPrometheus(target) {
  const configuration = {
    global: { scrape_interval: '500ms', evaluation_interval: '1s' },
    rule_files: [join(docs, 'prometheus-alerts.yml')],
    scrape_configs: [{ job_name: 'api', static_configs: [{ targets: [target] }] }],
  };
  const file = join(directory, 'prometheus.yml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration));
  const child = start('prometheus', [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ]);
  let log = '';
  for await (const line of createInterface({ input: child.stderr })) {
    log += `${line}\n`;
    const address = /"?Listening on"? address=([\d.]+:\d+)/.exec(line)?.[1];
    if (!address) continue;
    child.stderr.resume();
    return `http://${address}`;
  }
  throw new Error(`Prometheus does not start: ${log}`);
}

function start(executable, options, environment = {}) {
  const child = spawn(executable, options, {
    env: { ...process.env, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  // What is not read would block the process one day.
  if (executable === 'prometheus') child.stdout.resume();
  else child.stderr.resume();
  return child;
}

// Sends the requests again and again, until each query has data, and until the rules were evaluated.
async function untilThereIsData() {
  const deadline = Date.now() + SECONDS * 1000;
  for (let round = 0; ; round += 1) {
    for (const { url, headers } of [...requests, unknownKey()]) {
      // A proof that is repeated too often is an alert.
      if (round % 16 > 0 && headers.some(([name]) => name === 'dpop')) continue;
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
      await response.text();
    }
    const missing = [];
    for (const { name, expr, hasData } of queries) {
      if (hasData && (await values(expr)).length === 0) missing.push(name);
    }
    const { groups } = await ask('rules');
    const isEvaluated = groups.every((group) => group.rules.every(({ health }) => health !== 'unknown'));
    if (missing.length === 0 && isEvaluated) return;
    if (Date.now() > deadline) throw new Error(`no data for: ${missing.join(', ')}`);
    await sleep(200);
  }
}

// A request with a token that names a key which the server does not have. So it fetches the keys, and answers 503 when it
// has done that too often.
function unknownKey() {
  const { url, headers } = requests[0];
  const [, ...rest] = headers[0][1].split('.');
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'unknown' })).toString('base64url');
  return { url, headers: [['authorization', `Bearer ${[header, ...rest].join('.')}`]] };
}

// A query of the dashboard as Grafana sends it, with all jobs and instances.
function filled(query) {
  return query
    .replaceAll('$__rate_interval', '1m')
    .replaceAll(/"\$(job|instance)"/g, '".*"');
}

// The values of an instant query that are numbers.
async function values(query) {
  const { result } = await ask(`query?${new URLSearchParams({ query })}`);
  return result.map(({ value }) => value[1]).filter((value) => value !== 'NaN');
}

async function ask(path) {
  const response = await fetch(`${prometheus}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(`${path}: ${error}`);
  return data;
}
