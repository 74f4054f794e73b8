/** The shape that each API's errors have, whatever was wrong. */

import assert from "node:assert/strict";
import type { Answer } from "./http.js";

/** GraphQL's errors: a list, each with a message, a code and a path. */
export function isGraphqlError(answer: Answer, code?: string | RegExp): void {
  assert(answer.status < 500, `${answer.status} ${answer.text}`);
  assert(Array.isArray(answer.json?.errors) && answer.json.errors.length > 0, answer.text);
  for (const error of answer.json.errors) {
    assert.equal(typeof error.message, "string");
    assert.equal(typeof error.extensions?.code, "string", answer.text);
    assert.equal(typeof error.extensions?.path, "string", answer.text);
  }
  assert.equal(answer.json.data ?? null, null, answer.text);
  if (code !== undefined) assert.match(answer.json.errors[0].extensions.code, new RegExp(code));
  tellsNoSecrets(answer);
}

/** Auth's errors: status, message, error, always as JSON. */
export function isAuthError(answer: Answer, status: number, code?: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(typeof answer.json?.message, "string", answer.text);
  assert.equal(typeof answer.json?.error, "string", answer.text);
  if (code !== undefined) assert.equal(answer.json.error, code);
  tellsNoSecrets(answer);
}

/** Storage's errors: an object with a message. */
export function isStorageError(answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(typeof answer.json?.error?.message, "string", answer.text);
  tellsNoSecrets(answer);
}

export function tellsNoSecrets({ text }: Answer): void {
  assert.doesNotMatch(text, /\bselect\b.*\bfrom\b|insert into|panicked|\.rs:\d+|argon2/i);
}
