// Assertions about answers.

import assert from 'node:assert/strict';

// The server knows the client of the token.
export function isGood(answer, client) {
  const good = answer.status === 200 && answer.body.includes(`${client} with the scopes: notes:read`);
  assert.ok(good, `not good: ${JSON.stringify(answer)}`);
}

// 401 with this error, in a challenge of this scheme only.
export function isRefused(answer, scheme, error) {
  const fields = answer.headers['www-authenticate'] ?? [];
  const found = fields.filter((field) => field.includes('error='));
  assert.equal(answer.status, 401, JSON.stringify(answer));
  assert.equal(found.length, 1, JSON.stringify(fields));
  assert.ok(found[0].startsWith(`${scheme} `) && found[0].includes(`error="${error}"`), JSON.stringify(fields));
}
