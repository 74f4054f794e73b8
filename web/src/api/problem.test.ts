import { FetchError } from "@nhost/nhost-js/fetch";
import { expect, test } from "vitest";
import { Problem, toProblem } from "./problem";

const answer = (status: number, body: unknown) => new FetchError(body, status, new Headers());
const codeOf = (error: unknown) => toProblem(error).code;

test("auth's codes", () => {
  expect(codeOf(answer(401, { error: "invalid-email-password" }))).toBe("wrongCredentials");
  expect(codeOf(answer(409, { error: "email-already-in-use" }))).toBe("emailTaken");
  expect(codeOf(answer(400, { error: "toString" }))).toBe("badInput");
});

test("GraphQL's codes, in an answer and in a live query", () => {
  const errors = [{ message: "no", extensions: { code: "invalid-jwt", path: "$" } }];
  expect(codeOf(answer(200, { errors }))).toBe("signedOut");
  expect(codeOf(errors)).toBe("signedOut");
  expect(codeOf([null])).toBe("unknown");
});

test("a status without a code", () => {
  expect(codeOf(answer(413, { error: { message: "file too big" } }))).toBe("tooLarge");
  expect(codeOf(answer(429, {}))).toBe("tooMany");
  expect(codeOf(answer(503, null))).toBe("unavailable");
  expect(codeOf(answer(418, null))).toBe("unknown");
});

test("what never reached the server", () => {
  expect(codeOf(new TypeError("Failed to fetch"))).toBe("offline");
  expect(codeOf(new DOMException("timeout", "TimeoutError"))).toBe("offline");
  expect(codeOf(new SyntaxError("not JSON"))).toBe("unavailable");
});

test("what may pass by itself is tried again, what is refused is not", () => {
  expect(new Problem("offline").passing).toBe(true);
  expect(new Problem("unavailable").passing).toBe(true);
  expect(new Problem("forbidden").passing).toBe(false);
});
