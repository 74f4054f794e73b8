/** Streams over both WebSocket protocols: batches of rows behind a cursor, and then new rows as they are committed. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { graphql, openDirectChat, type Person, sendDocument, signUp } from "./http.js";
import { Server } from "./server.js";

const patience = 10_000;

/** What each protocol calls what is said in both. */
const dialects = [
  { protocol: "graphql-transport-ws", start: "subscribe", data: "next", stop: "complete" },
  { protocol: "graphql-ws", start: "start", data: "data", stop: "stop" },
];

describe("Streams", () => {
  let server: Server;
  let anna: Person;
  let chatId: number;
  let sent = 0;

  before(async () => {
    server = await Server.start();
    anna = await signUp(server, "Anna Petrova");
    chatId = await openDirectChat(server, anna, await signUp(server, "Boris Ivanov"));
  });
  after(() => server?.remove());

  const send = async () => {
    sent += 1;
    const content = `number ${sent}`;
    await graphql(server, anna, sendDocument, { chatId, clientId: randomUUID(), content });
  };

  for (const { protocol, start, data, stop } of dialects) {
    test(`${protocol}: every message once, in batches and as it comes`, async () => {
      for (let at = 0; at < 5; at += 1) await send();
      const socket = new WebSocket(`${server.address.replace("http", "ws")}/v1/graphql`, protocol);
      const batches: { seq: number }[][] = [];
      socket.on("message", (text) => {
        const message = JSON.parse(String(text));
        if (message.type === data) batches.push(message.payload.data.messages_stream);
        assert.notEqual(message.type, "error", String(text));
      });
      await once(socket, "open");
      const headers = { Authorization: `Bearer ${anna.token}` };
      socket.send(JSON.stringify({ type: "connection_init", payload: { headers } }));
      const query = `subscription($chatId: bigint!) { messages_stream(
        batch_size: 2, cursor: { initial_value: { seq: 0 }, ordering: ASC }, where: { chatId: { _eq: $chatId } }
      ) { seq } }`;
      socket.send(
        JSON.stringify({ id: "one", type: start, payload: { query, variables: { chatId } } }),
      );
      const told = async (count: number) => {
        const deadline = Date.now() + patience;
        while (batches.flat().length < count && Date.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        const expected = Array.from({ length: count }, (_, at) => at + 1);
        assert.deepEqual(
          batches.flat().map((row) => row.seq),
          expected,
        );
      };
      await told(sent);
      assert(batches.every((batch) => batch.length >= 1 && batch.length <= 2));
      await send();
      await send();
      await told(sent);
      socket.send(JSON.stringify({ id: "one", type: stop }));
      socket.close();
    });
  }
});
