/** What careless and hostile clients send over the WebSocket: the protocol's close codes and errors, for them alone. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { openDirectChat, type Person, signUp } from "./http.js";
import { Server } from "./server.js";
import { follow } from "./subscribe.js";
import { forge } from "./token.js";

const patience = 10_000;

describe("WebSocket", () => {
  let server: Server;
  let anna: Person;
  let clara: Person;
  let chatId: number;

  before(async () => {
    server = await Server.start();
    anna = await signUp(server, "Anna Petrova");
    clara = await signUp(server, "Clara Stranger");
    chatId = await openDirectChat(server, anna, await signUp(server, "Boris Ivanov"));
  });
  after(() => server?.remove());

  const url = () => `${server.address.replace("http", "ws")}/v1/graphql`;

  /** A connection that speaks no library's language. */
  const connect = async () => {
    const socket = new WebSocket(url(), "graphql-transport-ws");
    // biome-ignore lint/suspicious/noExplicitAny: messages of every shape.
    const inbox: any[] = [];
    socket.on("message", (data) => inbox.push(JSON.parse(String(data))));
    const closed = once(socket, "close", { signal: AbortSignal.timeout(patience) });
    closed.catch(() => undefined);
    await once(socket, "open");
    const next = async (type: string) => {
      const deadline = Date.now() + patience;
      while (Date.now() < deadline) {
        const found = inbox.findIndex((message) => message.type === type);
        if (found >= 0) return inbox.splice(found, 1)[0];
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error(`no ${type}, only ${JSON.stringify(inbox)}`);
    };
    return {
      send: (message: unknown) =>
        socket.send(typeof message === "string" ? message : JSON.stringify(message)),
      closeCode: async () => (await closed)[0] as number,
      next,
      close: () => socket.close(),
    };
  };
  const init = (token: string) => ({
    type: "connection_init",
    payload: { headers: { Authorization: `Bearer ${token}` } },
  });
  const subscribe = (query: string, variables: object = {}) => ({
    id: "one",
    type: "subscribe",
    payload: { query, variables },
  });

  test("messages that are none close with 4400", async () => {
    for (const message of [
      "{",
      "null",
      "[]",
      "{}",
      '{"type":"nonsense"}',
      '{"type":"subscribe"}',
    ]) {
      const socket = await connect();
      socket.send(init(anna.token));
      await socket.next("connection_ack");
      socket.send(message);
      assert.equal(await socket.closeCode(), 4400, message);
    }
  });

  test("the protocol's own mistakes have the protocol's own codes", async () => {
    const early = await connect();
    early.send(subscribe("subscription { chats { id } }"));
    assert.equal(await early.closeCode(), 4401);

    const twice = await connect();
    twice.send(init(anna.token));
    twice.send(init(anna.token));
    assert.equal(await twice.closeCode(), 4429);

    const same = await connect();
    same.send(init(anna.token));
    await same.next("connection_ack");
    same.send(subscribe("subscription { chats { id } }"));
    same.send(subscribe("subscription { chats { id } }"));
    assert.equal(await same.closeCode(), 4409);
  });

  test("a token that is not good is refused", async () => {
    for (const token of ["nonsense", forge(anna.id, { claims: { exp: 1_000 } })]) {
      const socket = await connect();
      socket.send(init(token));
      assert([4400, 4401, 4403].includes(await socket.closeCode()), "not refused");
    }
  });

  test("a subscription that may not be is an error of that subscription alone", async () => {
    const socket = await connect();
    socket.send(init(anna.token));
    await socket.next("connection_ack");
    for (const query of [
      "subscription {",
      "subscription { nothing { id } }",
      "subscription { chats { secret } }",
      "subscription { chats { id } people { id } }",
    ]) {
      socket.send(subscribe(query));
      const { payload, id } = await socket.next("error");
      assert.equal(id, "one");
      assert.equal(typeof payload[0].message, "string", JSON.stringify(payload));
    }
    socket.send(subscribe("subscription { chats { id } }"));
    const { payload } = await socket.next("next");
    assert.deepEqual(payload.data, { chats: [{ id: chatId }] });
    socket.close();
  });

  test("another person's chat stays empty", async () => {
    const query = `subscription { messages(where: { chatId: { _eq: ${chatId} } }) { id } }`;
    const live = follow<{ messages: unknown[] }>(url(), clara.token, query);
    assert.deepEqual(await live.until(() => true), { messages: [] });
    live.close();
  });

  test("a message that is too large ends that connection only", async () => {
    const socket = await connect();
    socket.send(init(anna.token));
    await socket.next("connection_ack");
    socket.send(subscribe(`subscription { chats { id } } #${"x".repeat(20_000_000)}`));
    assert((await socket.closeCode()) >= 1000);
    const live = follow<{ chats: unknown[] }>(url(), anna.token, "subscription { chats { id } }");
    await live.until((state) => state.chats.length === 1);
    live.close();
  });
});
