// The results of checks: a line for each on stdout, and the totals at the end.

let passed = 0;
let failed = 0;

export async function check(name, test) {
  try {
    await test();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    // One line on stdout. The complete error goes to stderr.
    console.log(`FAILED ${name}: ${error.message.replace(/\s+/g, ' ')}`);
    console.error(error);
  }
}

// The number of failures so far.
export const failures = () => failed;

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

// Ends the process if the checks take longer, or on a signal. Child processes are killed when this process exits, and a
// signal must therefore call `process.exit`.
export function limit(seconds) {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  setTimeout(() => {
    failed += 1;
    console.log(`FAILED all checks end within ${seconds} s`);
    finish();
  }, seconds * 1000).unref();
}
