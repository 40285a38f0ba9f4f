// The user's browser, for clients that print a link and wait for the callback on a port of their own.

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { redirected } from '../typescript/driver.mjs';

// Visits the links in the lines of `stream`. `pattern` captures the URL as its group. The lines also go to stderr.
export function visitLinks(stream, pattern) {
  const lines = createInterface({ input: stream });
  lines.on('line', (line) => {
    console.error(line);
    const url = pattern.exec(line)?.[1];
    if (url) visit(url).catch((error) => console.error(error));
  });
}

async function visit(url) {
  const callback = await redirected(url);
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      const answer = await fetch(callback, { signal: AbortSignal.timeout(10_000) });
      return await answer.text();
    } catch (error) {
      // The client's port may not be open yet.
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
