/** Access tokens for the people of the bench, as the sign-in would make them. */

import { createHmac } from "node:crypto";

/** The key that all servers of the bench are given. */
export const jwtKey = "bench-only-signing-key-of-more-than-32-bytes";

/** Longer than any run. */
const lifetimeSeconds = 24 * 60 * 60;

export function tokenFor(userId: string): string {
  const now = Math.floor(Date.now() / 1000);
  const header = encode({ alg: "HS256", typ: "JWT" });
  const payload = encode({
    sub: userId,
    iss: "hasura-auth",
    iat: now,
    exp: now + lifetimeSeconds,
    "https://hasura.io/jwt/claims": {
      "x-hasura-allowed-roles": ["me", "user"],
      "x-hasura-default-role": "user",
      "x-hasura-user-id": userId,
      "x-hasura-user-is-anonymous": "false",
    },
  });
  const signature = createHmac("sha256", jwtKey).update(`${header}.${payload}`).digest("base64url");
  return `${header}.${payload}.${signature}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
