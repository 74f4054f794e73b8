/** Two people with a chat and a message, and a stranger: what bad input must neither reveal nor change. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { call, graphql, openDirectChat, type Person, sendDocument, signUp } from "./http.js";
import { Server } from "./server.js";

const words = "Between the two of us";

export interface Scene {
  readonly server: Server;
  readonly anna: Person;
  readonly boris: Person;
  /** Is not in the chat of the other two. */
  readonly clara: Person;
  readonly chatId: number;
  /** Anna's only message. */
  readonly messageId: number;
}

/** Starts a server and lets the three sign up. */
export async function setScene(): Promise<Scene> {
  const server = await Server.start();
  const anna = await signUp(server, "Anna Petrova");
  const boris = await signUp(server, "Boris Ivanov");
  const clara = await signUp(server, "Clara Stranger");
  const chatId = await openDirectChat(server, anna, boris);
  const variables = { chatId, clientId: randomUUID(), content: words };
  const sent = await graphql(server, anna, sendDocument, variables);
  return { server, anna, boris, clara, chatId, messageId: sent.insert_messages_one.id };
}

/** Everything still works, and nothing has changed. */
export async function isStillWell({ server, boris, chatId, messageId }: Scene): Promise<void> {
  const query = "query ($id: bigint!) { messages(where: { chatId: { _eq: $id } }) { id content } }";
  assert.deepEqual(await graphql(server, boris, query, { id: chatId }), {
    messages: [{ id: messageId, content: words }],
  });
  assert.equal((await call(server, "/healthz")).status, 200);
}
