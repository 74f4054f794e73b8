/** Tokens as an attacker or a careless client would bring them: signed here, with anything in them. */

import { createHmac } from "node:crypto";
import { jwtKey } from "./server.js";

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token for a person, good unless the test changes something about it. */
export function forge(
  userId: string,
  change: { claims?: object; header?: object; key?: string; role?: string } = {},
): string {
  const now = Math.floor(Date.now() / 1000);
  const role = change.role ?? "user";
  const header = base64({ alg: "HS256", typ: "JWT", ...change.header });
  const payload = base64({
    sub: userId,
    iss: "hasura-auth",
    iat: now - 5,
    exp: now + 600,
    "https://hasura.io/jwt/claims": {
      "x-hasura-allowed-roles": ["me", "user"],
      "x-hasura-default-role": role,
      "x-hasura-user-id": userId,
      "x-hasura-user-is-anonymous": "false",
    },
    ...change.claims,
  });
  const signature = createHmac("sha256", change.key ?? jwtKey).update(`${header}.${payload}`);
  return `${header}.${payload}.${signature.digest("base64url")}`;
}
