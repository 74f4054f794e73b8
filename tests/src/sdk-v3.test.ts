/** Programs written with `@nhost/nhost-js`, generation 3, unmodified: the server's URLs are all they are given. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { NhostClient } from "nhost-v3";
import { graphql, password } from "./http.js";
import { adminSecret, Server } from "./server.js";
import { follow } from "./subscribe.js";
import { photo } from "./window.js";

type Message = { id: number; content: string | null };

const send = `mutation ($chatId: bigint!, $clientId: uuid!, $content: String, $fileId: uuid) {
  insert_messages_one(
    object: { chatId: $chatId, clientId: $clientId, content: $content, fileId: $fileId }
    on_conflict: { constraint: messages_client_id_key, update_columns: [clientId] }
  ) { id seq content fileId }
}`;
const liveMessages = `subscription ($chatId: bigint!) {
  messages(where: { chatId: { _eq: $chatId } }, order_by: { seq: desc }, limit: 50) { id content }
}`;

/** The addresses of this generation's documents, and those of Nhost's own hosts. */
const layouts = [
  { name: "under /v1/auth and /v1/storage", auth: "/v1/auth", storage: "/v1/storage" },
  { name: "under /v1", auth: "/v1", storage: "/v1" },
];

/** Kept apart for each client: left alone, all clients of a process share one memory, and with it one session. */
function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

for (const layout of layouts) {
  describe(`a program with nhost-js 3, ${layout.name}`, () => {
    let server: Server;
    let anna: NhostClient;
    let boris: NhostClient;
    let chatId: number;
    const annaMail = `anna-${randomUUID()}@example.org`;

    const client = (options: { adminSecret?: string } = {}) =>
      new NhostClient({
        ...options,
        clientStorageType: "custom",
        clientStorage: memory(),
        authUrl: server.address + layout.auth,
        storageUrl: server.address + layout.storage,
        graphqlUrl: `${server.address}/v1/graphql`,
        functionsUrl: `${server.address}/v1/functions`,
      });
    const idOf = (nhost: NhostClient) => nhost.auth.getUser()?.id ?? "";
    const run = async <Data>(
      nhost: NhostClient,
      query: string,
      variables: Record<string, unknown> = {},
    ): Promise<Data> => {
      const { data, error } = await nhost.graphql.request<Data>(query, variables);
      assert.equal(error, null, JSON.stringify(error));
      return data as Data;
    };

    before(async () => {
      server = await Server.start();
      anna = client();
      boris = client();
    });
    after(() => server?.remove());

    test("signs up: a session, and a row in users", async () => {
      const nhost = anna;
      const email = annaMail;
      const { session, error } = await nhost.auth.signUp({ email, password });
      assert.equal(error, null);
      assert.equal(session?.user?.email, annaMail);
      const query = `query { users(where: { email: { _eq: "${annaMail}" } }) { id } }`;
      assert.deepEqual((await graphql(server, "admin", query)).users, [{ id: idOf(anna) }]);
      const second = await boris.auth.signUp({
        email: `boris-${randomUUID()}@example.org`,
        password,
        options: { displayName: "Boris Ivanov", metadata: { team: "alpine" } },
      });
      assert.equal(second.error, null);
    });

    test("an address is taken once, a wrong password is refused", async () => {
      const taken = await client().auth.signUp({ email: annaMail, password });
      assert.equal(taken.error?.error, "email-already-in-use");
      const wrong = await client().auth.signIn({ email: annaMail, password: "a wrong one" });
      assert.equal(wrong.error?.error, "invalid-email-password");
      assert.equal(wrong.error?.status, 401);
    });

    test("signs in, renews the session, signs out", async () => {
      const nhost = client();
      const { session, error } = await nhost.auth.signIn({ email: annaMail, password });
      assert.equal(error, null);
      assert.equal(nhost.auth.getUser()?.id, idOf(anna));
      const renewed = await nhost.auth.refreshSession();
      assert.equal(renewed.error, null);
      assert.notEqual(renewed.session?.refreshToken, session?.refreshToken);

      const stale = await client().auth.refreshSession(session?.refreshToken ?? "");
      assert.equal(stale.error?.error, "invalid-refresh-token");
      assert.equal((await nhost.auth.signOut()).error, null);
      assert.equal(nhost.auth.isAuthenticated(), false);
      const gone = await client().auth.refreshSession(renewed.session?.refreshToken ?? "");
      assert.equal(gone.error?.error, "invalid-refresh-token");
    });

    test("finds somebody by name and opens the direct chat", async () => {
      const { people } = await run<{ people: { id: string }[] }>(
        anna,
        `query { people(where: { displayName: { _ilike: "boris%" } }, limit: 20) { id displayName } }`,
      );
      assert.deepEqual(
        people.map((person) => person.id),
        [idOf(boris)],
      );
      const opened = await run<{ open_direct_chat: { id: number } }>(
        anna,
        "mutation ($user: uuid!) { open_direct_chat(args: { user_id: $user }) { id } }",
        { user: idOf(boris) },
      );
      chatId = opened.open_direct_chat.id;
    });

    test("a message is seen live on both sides, and sent twice it is one", async () => {
      const sides = [anna, boris].map((nhost) => {
        const token = nhost.auth.getAccessToken() ?? "";
        return follow<{ messages: Message[] }>(nhost.graphql.wsUrl, token, liveMessages, {
          chatId,
        });
      });
      for (const side of sides) await side.until((state) => state.messages.length === 0);
      const variables = { chatId, clientId: randomUUID(), content: "Hello from a program" };
      const first = await run(anna, send, variables);
      for (const side of sides) {
        await side.until((state) => state.messages[0]?.content === "Hello from a program");
        side.close();
      }
      assert.deepEqual(await run(anna, send, variables), first);
    });

    test("a file goes up and comes down byte for byte, for those in the chat", async () => {
      const bytes = await readFile(photo);
      const file = new File([bytes], "mountains.jpg", { type: "image/jpeg" });
      const { fileMetadata, error } = await anna.storage.upload({ file, bucketId: "messages" });
      assert.equal(error, null, JSON.stringify(error));
      const fileId = fileMetadata?.id ?? "";
      assert.equal((await boris.storage.download({ fileId })).file, null);
      await run(anna, send, { chatId, clientId: randomUUID(), content: null, fileId });
      for (const nhost of [anna, boris]) {
        const download = await nhost.storage.download({ fileId });
        assert.equal(download.error, null);
        assert.deepEqual(Buffer.from((await download.file?.arrayBuffer()) ?? []), bytes);
      }
    });

    test("a file of one's own is changed, signed for and deleted", async () => {
      const bytes = await readFile(photo);
      const file = new File([bytes], "mountains.jpg", { type: "image/jpeg" });
      const { fileMetadata } = await anna.storage.upload({ file });
      const fileId = fileMetadata?.id ?? "";
      const small = await anna.storage.download({ fileId, width: 100 });
      assert.equal(small.error, null);
      assert.ok((small.file?.size ?? bytes.length) < bytes.length);
      // This generation adds the options to the signed address.
      const { presignedUrl, error } = await anna.storage.getPresignedUrl({ fileId, width: 100 });
      assert.equal(error, null);
      const signed = await fetch(presignedUrl?.url ?? "");
      assert.equal(signed.status, 200);
      assert.equal((await signed.arrayBuffer()).byteLength, small.file?.size);
      assert.equal((await anna.storage.delete({ fileId })).error, null);
      assert.equal((await anna.storage.download({ fileId })).file, null);
    });

    test("another person's chat does not exist", async () => {
      const stranger = client();
      await stranger.auth.signUp({ email: `x-${randomUUID()}@example.org`, password });
      const query = `query { chats { id } messages(where: { chatId: { _eq: ${chatId} } }) { id } }`;
      assert.deepEqual(await run(stranger, query), { chats: [], messages: [] });
    });

    test("the specification's own examples run as they stand", async () => {
      const query = `query { chats(where: { userId: { _eq: "${idOf(anna)}" } }) { id name type } }`;
      assert.deepEqual(await run(anna, query), {
        chats: [{ id: chatId, name: null, type: "direct" }],
      });
      const admin = client({ adminSecret });
      const mutation = `mutation { insert_messages_one(object: { chatId: "${chatId}", content: "File", fileUrl: "https://files.example.org/a.pdf" }) { id } }`;
      const { insert_messages_one } = await run<{ insert_messages_one: { id: number } }>(
        admin,
        mutation,
      );
      assert.equal(typeof insert_messages_one.id, "number");
    });
  });
}
