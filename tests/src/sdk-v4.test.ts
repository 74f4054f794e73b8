/** Programs written with `@nhost/nhost-js`, generation 4, unmodified: the server's URLs are all they are given. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { createClient, type NhostClient } from "nhost-v4";
import { FetchError } from "nhost-v4/fetch";
import { graphql, password } from "./http.js";
import { Server } from "./server.js";
import { follow } from "./subscribe.js";
import { photo } from "./window.js";

type Message = { id: number; seq: number; content: string | null; fileId: string | null };

const send = `mutation ($chatId: bigint!, $clientId: uuid!, $content: String, $fileId: uuid) {
  insert_messages_one(
    object: { chatId: $chatId, clientId: $clientId, content: $content, fileId: $fileId }
    on_conflict: { constraint: messages_client_id_key, update_columns: [clientId] }
  ) { id seq content fileId }
}`;
const liveMessages = `subscription ($chatId: bigint!) {
  messages(where: { chatId: { _eq: $chatId } }, order_by: { seq: desc }, limit: 50) { id seq content fileId }
}`;

describe("a program with nhost-js 4", () => {
  let server: Server;
  let anna: NhostClient;
  let boris: NhostClient;
  let chatId: number;
  const annaMail = `anna-${randomUUID()}@example.org`;

  const client = () =>
    createClient({
      authUrl: `${server.address}/v1`,
      storageUrl: `${server.address}/v1`,
      graphqlUrl: `${server.address}/v1/graphql`,
      functionsUrl: `${server.address}/v1/functions`,
    });
  const tokenOf = (nhost: NhostClient) => nhost.getUserSession()?.accessToken ?? "";
  const idOf = (nhost: NhostClient) => nhost.getUserSession()?.user?.id ?? "";
  const run = async <Data>(
    nhost: NhostClient,
    query: string,
    variables: Record<string, unknown> = {},
  ): Promise<Data> => {
    const { body } = await nhost.graphql.request<Data>({ query, variables });
    assert(body.data, "no data");
    return body.data;
  };
  const refused = async (call: Promise<unknown>, status: number, code: string) => {
    const error = await call.then(
      () => new Error("not refused"),
      (thrown: Error) => thrown,
    );
    assert(error instanceof FetchError, String(error));
    assert.equal(error.status, status);
    assert.equal((error.body as { error: unknown }).error, code);
  };

  before(async () => {
    server = await Server.start();
    anna = client();
    boris = client();
  });
  after(() => server?.remove());

  test("signs up: a session, and a row in users", async () => {
    const { body } = await anna.auth.signUpEmailPassword({ email: annaMail, password });
    assert.equal(body.session?.user?.email, annaMail);
    const query = `query { users(where: { email: { _eq: "${annaMail}" } }) { id displayName } }`;
    const { users } = await graphql(server, "admin", query);
    assert.deepEqual(users, [{ id: idOf(anna), displayName: annaMail }]);
    await boris.auth.signUpEmailPassword({
      email: `boris-${randomUUID()}@example.org`,
      password,
      options: { displayName: "Boris Ivanov", metadata: { team: "alpine" }, locale: "en" },
    });
  });

  test("an address is taken once, a wrong password is refused", async () => {
    const again = client();
    await refused(
      again.auth.signUpEmailPassword({ email: annaMail, password }),
      409,
      "email-already-in-use",
    );
    await refused(
      again.auth.signInEmailPassword({ email: annaMail, password: "a wrong one" }),
      401,
      "invalid-email-password",
    );
    assert.equal(again.getUserSession(), null);
  });

  test("signs in, asks who it is, renews the session, signs out", async () => {
    const nhost = client();
    await nhost.auth.signInEmailPassword({ email: annaMail, password });
    const { body: user } = await nhost.auth.getUser();
    assert.equal(user?.id, idOf(anna));
    assert.equal(user?.email, annaMail);

    const first = nhost.getUserSession();
    const renewed = await nhost.refreshSession(0);
    assert(renewed, "not renewed");
    assert.notEqual(renewed.refreshToken, first?.refreshToken);
    assert.equal(renewed.refreshTokenId, first?.refreshTokenId);
    await refused(
      client().auth.refreshToken({ refreshToken: first?.refreshToken ?? "" }),
      401,
      "invalid-refresh-token",
    );

    const { refreshToken } = renewed;
    await nhost.auth.signOut({ refreshToken });
    assert.equal(nhost.getUserSession(), null);
    await refused(client().auth.refreshToken({ refreshToken }), 401, "invalid-refresh-token");
  });

  test("finds somebody by name and opens the direct chat, the same one from both sides", async () => {
    const { people } = await run<{ people: { id: string }[] }>(
      anna,
      `query { people(where: { displayName: { _ilike: "boris%" } }, limit: 20) { id displayName avatarUrl } }`,
    );
    assert.deepEqual(
      people.map((person) => person.id),
      [idOf(boris)],
    );
    const open = "mutation ($user: uuid!) { open_direct_chat(args: { user_id: $user }) { id } }";
    type Opened = { open_direct_chat: { id: number } };
    chatId = (await run<Opened>(anna, open, { user: idOf(boris) })).open_direct_chat.id;
    const other = await run<Opened>(boris, open, { user: idOf(anna) });
    assert.equal(other.open_direct_chat.id, chatId);
  });

  test("a message is seen live on both sides", async () => {
    const sides = [anna, boris].map((nhost) =>
      follow<{ messages: Message[] }>(nhost.graphql.url, tokenOf(nhost), liveMessages, { chatId }),
    );
    for (const side of sides) await side.until((state) => state.messages.length === 0);
    await run(anna, send, { chatId, clientId: randomUUID(), content: "Hello from a program" });
    for (const side of sides) {
      await side.until((state) => state.messages[0]?.content === "Hello from a program");
      side.close();
    }
  });

  test("a message that is sent twice is one message", async () => {
    const variables = { chatId, clientId: randomUUID(), content: "Sent twice" };
    const first = await run(anna, send, variables);
    const second = await run(anna, send, variables);
    assert.deepEqual(second, first);
    const { messages } = await run<{ messages: Message[] }>(
      boris,
      `query ($chatId: bigint!) { messages(where: { chatId: { _eq: $chatId }, content: { _eq: "Sent twice" } }) { id } }`,
      { chatId },
    );
    assert.equal(messages.length, 1);
  });

  test("a file goes up and comes down byte for byte, for those in the chat", async () => {
    const bytes = await readFile(photo);
    const file = new File([bytes], "mountains.jpg", { type: "image/jpeg" });
    const { body } = await anna.storage.uploadFiles({
      "bucket-id": "messages",
      "metadata[]": [{ name: "mountains.jpg", metadata: { width: 1280, height: 854 } }],
      "file[]": [file],
    });
    const stored = body.processedFiles[0];
    assert.equal(stored?.name, "mountains.jpg");
    assert.equal(stored?.size, bytes.length);
    assert.equal(stored?.mimeType, "image/jpeg");
    assert.equal(stored?.isUploaded, true);
    const fileId = stored?.id ?? "";

    await assert.rejects(boris.storage.getFile(fileId), { status: 404 });
    await run(anna, send, { chatId, clientId: randomUUID(), content: null, fileId });
    for (const nhost of [anna, boris]) {
      const { body: blob } = await nhost.storage.getFile(fileId);
      assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes);
    }
  });

  test("a file of one's own is replaced, changed, signed for and deleted", async () => {
    const bytes = await readFile(photo);
    const file = new File([bytes], "mountains.jpg", { type: "image/jpeg" });
    const { body } = await anna.storage.uploadFiles({ "file[]": [file] });
    const fileId = body.processedFiles[0]?.id ?? "";
    const { body: small } = await anna.storage.getFile(fileId, { w: 100, f: "webp" });
    assert.equal(small.type, "image/webp");
    assert.ok(small.size < bytes.length);

    const text = new File(["another content"], "note.txt", { type: "text/plain" });
    const replaced = await anna.storage.replaceFile(fileId, {
      file: text,
      metadata: { name: "note.txt" },
    });
    assert.equal(replaced.body.id, fileId);
    assert.equal(replaced.body.name, "note.txt");
    await assert.rejects(boris.storage.replaceFile(fileId, { file: text }), { status: 404 });

    const { body: presigned } = await anna.storage.getFilePresignedURL(fileId);
    assert.equal(await (await fetch(presigned.url)).text(), "another content");
    await assert.rejects(boris.storage.getFilePresignedURL(fileId), { status: 404 });

    await anna.storage.deleteFile(fileId);
    await assert.rejects(anna.storage.getFile(fileId), { status: 404 });
    assert.equal((await fetch(presigned.url)).status, 404);
  });

  test("another person's chat does not exist", async () => {
    const stranger = client();
    await stranger.auth.signUpEmailPassword({ email: `x-${randomUUID()}@example.org`, password });
    const seen = await run(
      stranger,
      `query ($id: bigint!) {
        chats_by_pk(id: $id) { id }
        chats { id }
        messages(where: { chatId: { _eq: $id } }) { id }
        chat_members(where: { chatId: { _eq: $id } }) { userId }
      }`,
      { id: chatId },
    );
    assert.deepEqual(seen, { chats_by_pk: null, chats: [], messages: [], chat_members: [] });
    await assert.rejects(run(stranger, send, { chatId, clientId: randomUUID(), content: "in" }));
  });

  test("the specification's own examples run as they stand", async () => {
    const query = `query { chats(where: { userId: { _eq: "${idOf(anna)}" } }) { id name type } }`;
    assert.deepEqual(await run(anna, query), {
      chats: [{ id: chatId, name: null, type: "direct" }],
    });

    const mutation = `mutation { insert_messages_one(object: { chatId: "${chatId}", content: "File", fileUrl: "https://files.example.org/a.pdf" }) { id } }`;
    const { insert_messages_one } = await graphql(server, "admin", mutation);
    assert.equal(typeof insert_messages_one.id, "number");
  });
});
