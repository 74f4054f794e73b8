/** The server's APIs by plain HTTP: for setting a scene, for looking as the administrator, and for bad input. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { adminSecret, type Server } from "./server.js";

const timeout = 20_000;

export const password = "correct horse battery";

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

/** Any request. */
export async function call(server: Server, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(server.address + path, {
    signal: AbortSignal.timeout(timeout),
    redirect: "manual",
    ...init,
  });
  const text = await response.text();
  return { status: response.status, text, json: parsed(text) };
}

/** A POST of JSON. */
export function post(
  server: Server,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return call(server, path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** The header of somebody who is signed in. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

export const asAdmin = { "x-hasura-admin-secret": adminSecret };

/** A new account. */
export async function signUp(server: Server, name: string): Promise<Person> {
  const email = `${randomUUID()}@example.org`;
  const body = { email, password, options: { displayName: name } };
  const { status, json, text } = await post(server, "/v1/signup/email-password", body);
  assert.equal(status, 200, text);
  const { accessToken, user } = json.session;
  return { id: user.id, name, email, token: accessToken };
}

/** Runs a GraphQL document that must succeed, and gives its data. */
export async function graphql(
  server: Server,
  who: Person | "admin",
  query: string,
  variables: Record<string, unknown> = {},
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows what it asked for.
): Promise<any> {
  const headers = who === "admin" ? asAdmin : bearer(who.token);
  const { status, json, text } = await post(server, "/v1/graphql", { query, variables }, headers);
  assert.equal(status, 200, text);
  assert.equal(json.errors, undefined, text);
  return json.data;
}

/** The direct chat of two people. */
export async function openDirectChat(server: Server, me: Person, other: Person): Promise<number> {
  const data = await graphql(
    server,
    me,
    "mutation ($user: uuid!) { open_direct_chat(args: { user_id: $user }) { id } }",
    { user: other.id },
  );
  return data.open_direct_chat.id;
}

export const sendDocument = `
  mutation ($chatId: bigint!, $clientId: uuid!, $content: String, $fileId: uuid) {
    insert_messages_one(
      object: { chatId: $chatId, clientId: $clientId, content: $content, fileId: $fileId }
      on_conflict: { constraint: messages_client_id_key, update_columns: [clientId] }
    ) { id seq }
  }`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Lets people send as fast as they can, as an operator may. */
export async function liftSendingLimit(server: Server): Promise<void> {
  const lift = `mutation {
    update_rule_limits(where: { name: { _like: "messages-per-minute%" } }, _set: { value: 1000000 }) { affected_rows }
  }`;
  await graphql(server, "admin", lift);
}
