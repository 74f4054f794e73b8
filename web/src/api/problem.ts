/** What can go wrong, in the few kinds that people can do something about. The texts are in the catalogue. */

import { FetchError } from "@nhost/nhost-js/fetch";
import type { Catalogue } from "../i18n";

export type ProblemCode = keyof Catalogue["problem"];

export class Problem extends Error {
  readonly code: ProblemCode;

  constructor(code: ProblemCode, cause?: unknown) {
    super(code, { cause });
    this.name = "Problem";
    this.code = code;
  }

  /** Whether the same request may well succeed by itself later. */
  get passing(): boolean {
    return this.code === "offline" || this.code === "unavailable" || this.code === "tooMany";
  }
}

/** What auth and GraphQL call things. */
const byServerCode: Readonly<Record<string, ProblemCode>> = {
  "invalid-email-password": "wrongCredentials",
  "email-already-in-use": "emailTaken",
  "password-too-short": "weakPassword",
  "password-in-hibp-database": "leakedPassword",
  "unverified-user": "unverified",
  "disabled-user": "disabled",
  "signup-disabled": "signUpClosed",
  "invalid-refresh-token": "signedOut",
  "invalid-request": "badInput",
  "invalid-jwt": "signedOut",
  "access-denied": "forbidden",
  "permission-error": "forbidden",
  "constraint-violation": "badInput",
  "data-exception": "badInput",
  "bad-request": "badInput",
  "parse-failed": "badInput",
  "validation-failed": "badInput",
  unexpected: "unavailable",
  "searching-too-fast": "tooMany",
  "opening-too-fast": "tooMany",
  "sending-too-fast": "tooMany",
  "sending-too-fast-everywhere": "tooMany",
  blocked: "forbidden",
};

const byStatus: Readonly<Record<number, ProblemCode>> = {
  400: "badInput",
  401: "signedOut",
  403: "forbidden",
  404: "badInput",
  409: "badInput",
  413: "tooLarge",
  429: "tooMany",
};

/** The kind of any error that the SDK, the socket or the browser can throw. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof FetchError) return new Problem(codeOf(error.body, error.status), error);
  if (Array.isArray(error)) return new Problem(codeOf({ errors: error }, 200), error);
  if (error instanceof DOMException || error instanceof TypeError || error instanceof Event) {
    return new Problem("offline", error);
  }
  if (error instanceof SyntaxError) return new Problem("unavailable", error);
  return new Problem("unknown", error);
}

function codeOf(body: unknown, status: number): ProblemCode {
  for (const name of serverCodes(body)) {
    const code = Object.hasOwn(byServerCode, name) ? byServerCode[name] : undefined;
    if (code !== undefined) return code;
  }
  if (status >= 500) return "unavailable";
  return byStatus[status] ?? "unknown";
}

/** Auth says `{error: "code"}`, GraphQL says `{errors: [{extensions: {code}}]}`. */
function serverCodes(body: unknown): string[] {
  if (typeof body !== "object" || body === null) return [];
  const { error, errors } = body as { error?: unknown; errors?: unknown };
  const codes = Array.isArray(errors)
    ? errors.map((each: { extensions?: { code?: unknown } }) => each?.extensions?.code)
    : [error];
  return codes.filter((code) => typeof code === "string");
}
