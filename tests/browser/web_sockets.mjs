// WebSockets of pages in Chromium: `node web_sockets.mjs <the example web_socket>`, with the browser's path in `CHROMIUM`.
// Each check is a line, `ok` or `FAILED`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [program] = process.argv.slice(2);

// The server, whose tokens expire after some seconds. Returns its URL.
async function startServer(seconds) {
  const child = spawn(program, {
    env: { ...process.env, BIND: '127.0.0.1:0', TOKEN_SECONDS: String(seconds) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /listening on (\S+)/.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error('the server did not start');
}

// A server of another origin, with an empty page. Cookies know no ports, so the browser sends it the same ones.
async function startOther() {
  const other = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>another'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  return `http://127.0.0.1:${other.address().port}`;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});

// A page with cookies of its own, and what its console says.
async function open(url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const console = [];
  page.on('console', (message) => console.push(message.text()));
  await page.goto(url);
  return { page, console, log: page.locator('#log') };
}

// Opens a WebSocket in the page and waits for its end. Returns whether it was open, and how it ended.
function socketOf(page, url, protocols) {
  return page.evaluate(
    ([url, protocols]) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, protocols);
        let opened = false;
        socket.onopen = () => {
          opened = true;
          socket.close(1000);
        };
        socket.onclose = ({ code }) => resolve({ opened, code, protocol: socket.protocol });
      }),
    [url.replace('http:', 'ws:') + '/echo', protocols],
  );
}

let failed = 0;
async function check(name, action) {
  try {
    await action();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}

const short = await startServer(10);
const long = await startServer(600);
const other = await startOther();

await check('a token of the page, as a subprotocol, until it expires', async () => {
  const { page, log } = await open(short);
  await page.getByRole('button', { name: 'token of the page' }).click();
  await log.getByText('closed').waitFor();
  const lines = (await log.textContent()).trim().split('\n');
  assert.deepEqual(lines, ['open, protocol: echo.v1', 'received: hello', 'closed: 3000 expired']);
});

await check('a cookie of the same origin, until its token expires', async () => {
  const { page, log } = await open(short);
  await page.getByRole('button', { name: 'cookie' }).click();
  await log.getByText('closed').waitFor();
  const lines = (await log.textContent()).trim().split('\n');
  assert.deepEqual(lines, ['open, protocol: none', 'received: hello', 'closed: 3000 expired']);
});

await check('the layer selects the name if the server selects nothing else', async () => {
  const { page } = await open(long);
  const token = await page.evaluate(async () => (await fetch('/token', { method: 'POST' })).text());
  for (const [offered, protocol] of [
    [['bearer', token], 'bearer'],
    [['other.v1', 'bearer', token], 'bearer'],
    [['bearer', token, 'echo.v1'], 'echo.v1'],
  ]) {
    assert.deepEqual(await socketOf(page, long, offered), { opened: true, code: 1000, protocol });
  }
});

await check('no token, and a bad one', async () => {
  const { page, console } = await open(long);
  for (const protocols of [[], ['echo.v1'], ['bearer', 'a.b.c']]) {
    const { opened, code } = await socketOf(page, long, protocols);
    assert.deepEqual({ opened, code }, { opened: false, code: 1006 });
    // What Chromium says about a 401.
    assert.match(console.pop(), /HTTP Authentication failed/);
  }
});

await check('a cookie from another origin', async () => {
  const { page, console } = await open(long);
  await page.evaluate(() => fetch('/login', { method: 'POST' }));
  assert.equal((await socketOf(page, long, [])).opened, true);
  // The same browser, on a page of another origin that may send the cookie.
  await page.goto(other);
  const { opened, code } = await socketOf(page, long, []);
  assert.deepEqual({ opened, code }, { opened: false, code: 1006 });
  // Without the cookie it would be 401.
  assert.match(console.pop(), /Unexpected response code: 403/);
  // The token of a page counts from anywhere.
  const key = await (await fetch(`${long}/token`, { method: 'POST' })).text();
  await page.context().clearCookies();
  assert.equal((await socketOf(page, long, ['bearer', key])).opened, true);
});

await browser.close();
console.log(`${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
