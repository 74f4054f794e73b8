/** What careless and hostile clients send to GraphQL: its own kind of error, never a 5xx, and the server goes on. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { isGraphqlError } from "./errors.js";
import { type Answer, bearer, call, type Person, post, sendDocument } from "./http.js";
import { isStillWell, type Scene, setScene } from "./scene.js";
import type { Server } from "./server.js";
import { forge } from "./token.js";

let scene: Scene;
let server: Server;
let anna: Person;
let boris: Person;
let clara: Person;
let chatId: number;
let messageId: number;

before(async () => {
  scene = await setScene();
  ({ server, anna, boris, clara, chatId, messageId } = scene);
});
after(() => scene?.server.remove());

const stillWell = () => isStillWell(scene);

describe("GraphQL", () => {
  const run = (query: unknown, variables?: unknown, token = anna.token) =>
    post(server, "/v1/graphql", { query, variables }, bearer(token));
  const raw = (body: string) =>
    call(server, "/v1/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", ...bearer(anna.token) },
      body,
    });
  after(stillWell);

  test("bodies that are no request", async () => {
    for (const body of ["", "{", "null", "7", '"query"', "{}", '{"query":7}', '{"query":null}']) {
      isGraphqlError(await raw(body));
    }
    isGraphqlError(await raw(`{"query":"query { chats { id } }","variables":[1]}`));
    isGraphqlError(await raw("\u0000\uffff"));
  });

  test("documents that do not parse, or hold nothing to run", async () => {
    for (const query of ["", "query {", "{ chats { id }", "#", "fragment f on chats { id }"]) {
      isGraphqlError(await run(query), "validation-failed|parse-failed|bad-request");
    }
    isGraphqlError(await run("query a { chats { id } } query b { chats { id } }"));
  });

  test("unknown fields, arguments, types and variables", async () => {
    for (const query of [
      "query { chats { id secret } }",
      "query { nothing { id } }",
      "query { chats(wherever: {}) { id } }",
      "query { chats(where: { secret: { _eq: 1 } }) { id } }",
      "query { chats(where: { id: { _near: 1 } }) { id } }",
      "query ($x: nonsense) { chats(limit: $x) { id } }",
      "query { chats(limit: $missing) { id } }",
      "query { chats }",
      "query { chats { id { id } } }",
      "mutation { delete_messages(where: {}) { affected_rows } }",
      "mutation { insert_messages_one(object: { chatId: 1, senderId: 2, content: 3 }) { id } }",
    ]) {
      isGraphqlError(await run(query), "validation-failed");
    }
  });

  test("values of the wrong type", async () => {
    for (const [query, variables] of [
      ["query { chats(limit: 1.5) { id } }", {}],
      ["query { chats(limit: -1) { id } }", {}],
      ['query { chats(where: { id: { _eq: "x" } }) { id } }', {}],
      ['query { people(where: { id: { _eq: "x" } }) { id } }', {}],
      ["query ($id: bigint!) { chats_by_pk(id: $id) { id } }", {}],
      ["query ($id: bigint!) { chats_by_pk(id: $id) { id } }", { id: null }],
      ["query ($id: bigint!) { chats_by_pk(id: $id) { id } }", { id: {} }],
      ["query ($id: bigint!) { chats_by_pk(id: $id) { id } }", { id: "1e400" }],
      ["query ($id: bigint!) { chats_by_pk(id: $id) { id } }", { id: "99999999999999999999" }],
      ["query ($id: uuid!) { people(where: { id: { _eq: $id } }) { id } }", { id: 7 }],
      ["query ($n: Int!) { chats(limit: $n) { id } }", { n: 2_147_483_648 }],
      ['query { messages(where: { createdAt: { _gt: "soon" } }) { id } }', {}],
      ["query { chats(order_by: { id: sideways }) { id } }", {}],
      ["query { chats(where: null) { id } }", {}],
    ] as const) {
      isGraphqlError(await run(query, variables));
    }
  });

  test("messages that may not be", async () => {
    const send = (fields: object) =>
      run(sendDocument, { chatId, clientId: randomUUID(), content: "x", ...fields });
    isGraphqlError(await send({ content: null }));
    isGraphqlError(await send({ content: "  \n " }));
    isGraphqlError(await send({ content: "x".repeat(10_001) }));
    isGraphqlError(await send({ content: "nul \u0000 in it" }));
    isGraphqlError(await send({ clientId: "not-a-uuid" }));
    isGraphqlError(await send({ clientId: null }));
    isGraphqlError(await send({ fileId: randomUUID() }));
    isGraphqlError(await send({ chatId: 999_999 }), "permission-error|constraint-violation");
  });

  test("half a character in JSON", async () => {
    const document = JSON.stringify(sendDocument);
    const variables = `{"chatId":${chatId},"clientId":"${randomUUID()}","content":"\\ud800"}`;
    isGraphqlError(await raw(`{"query":${document},"variables":${variables}}`));
  });

  test("documents that are too deep, too wide or too large", async () => {
    const deep = `query { chats ${"{ messages { chat ".repeat(120)} { id } ${"} }".repeat(120)} }`;
    isGraphqlError(await run(deep));
    const nested = `query { chats(where: ${"{ _not: ".repeat(2_000)}{}${" }".repeat(2_000)}) { id } }`;
    isGraphqlError(await run(nested));
    isGraphqlError(await run(`query { ${"{".repeat(50_000)}`));
    // Refused, or the connection is closed before all of it is sent.
    const large = await raw(`{"query":"${"x".repeat(20_000_000)}"}`).catch(() => null);
    if (large !== null) isGraphqlError(large);
  });

  test("missing, malformed, expired and forged tokens", async () => {
    const chats = "query { chats { id } }";
    isGraphqlError(await post(server, "/v1/graphql", { query: chats }), "validation-failed");
    const past = Math.floor(Date.now() / 1000) - 60;
    for (const token of [
      "nonsense",
      "a.b.c",
      forge(anna.id, { claims: { iat: past - 900, exp: past } }),
      forge(anna.id, { key: "another key, also of more than 32 bytes" }),
      forge(anna.id, { header: { alg: "none" } }),
      forge(anna.id, { header: { alg: "HS512" } }),
      forge(anna.id, { claims: { exp: undefined } }),
      forge(anna.id, { claims: { "https://hasura.io/jwt/claims": undefined } }),
      forge(anna.id, { role: "admin" }),
    ]) {
      isGraphqlError(
        await run(chats, {}, token),
        "invalid-jwt|jwt-invalid-claims|access-denied|invalid-headers",
      );
    }
    assert.deepEqual((await run(chats, {}, forge(anna.id))).json, {
      data: { chats: [{ id: chatId }] },
    });
  });

  test("a role or an administrator's secret that one does not have", async () => {
    const query = "query { chats { id } }";
    for (const headers of [
      { ...bearer(clara.token), "x-hasura-role": "admin" },
      { "x-hasura-admin-secret": "wrong" },
      { "x-hasura-admin-secret": "" },
    ]) {
      isGraphqlError(await post(server, "/v1/graphql", { query }, headers));
    }
    const posing = { ...bearer(clara.token), "x-hasura-user-id": anna.id };
    const answer = await post(server, "/v1/graphql", { query }, posing);
    assert.deepEqual(answer.json, { data: { chats: [] } });
  });

  test("another person's chat", async () => {
    const as = (query: string, variables: object) => run(query, variables, clara.token);
    const seen = await as(
      `query ($id: bigint!, $message: bigint!) {
        chats_by_pk(id: $id) { id }
        messages(where: { chatId: { _eq: $id } }) { id }
        messages_by_pk(id: $message) { id }
        chat_members(where: { chatId: { _eq: $id } }) { userId }
      }`,
      { id: chatId, message: messageId },
    );
    assert.deepEqual(seen.json.data, {
      chats_by_pk: null,
      messages: [],
      messages_by_pk: null,
      chat_members: [],
    });
    isGraphqlError(
      await as(sendDocument, { chatId, clientId: randomUUID(), content: "let me in" }),
      "permission-error",
    );
    const edit = `mutation ($id: bigint!) {
      update_messages_by_pk(pk_columns: { id: $id }, _set: { content: "changed" }) { id }
    }`;
    for (const stranger of [clara, boris]) {
      const answer = await run(edit, { id: messageId }, stranger.token);
      assert.deepEqual(answer.json, { data: { update_messages_by_pk: null } });
    }
    const read = `mutation ($chatId: bigint!, $userId: uuid!) {
      update_chat_members_by_pk(pk_columns: { chatId: $chatId, userId: $userId }, _set: { lastReadSeq: 1 }) { chatId }
    }`;
    const answer = await as(read, { chatId, userId: boris.id });
    assert.deepEqual(answer.json, { data: { update_chat_members_by_pk: null } });
  });

  test("another person's private things", async () => {
    const answer = await run("query { users { id email } }", {}, clara.token);
    assert.deepEqual(answer.json, { data: { users: [{ id: clara.id, email: clara.email }] } });
    isGraphqlError(await run("query { users { passwordHash } }"), "validation-failed");
    // Sessions: one's own alone, whatever is asked for, and nothing that opens one.
    const own = (answer: Answer, person: Person) => {
      const sessions: { userId: string }[] = answer.json.data.authRefreshTokens;
      assert(sessions.length > 0);
      assert(sessions.every(({ userId }) => userId === person.id));
    };
    own(await run("query { authRefreshTokens { id userId metadata } }"), anna);
    own(await run("query { authRefreshTokens { id userId } }", {}, clara.token), clara);
    const of = "query ($of: uuid!) { authRefreshTokens(where: { userId: { _eq: $of } }) { id } }";
    assert.deepEqual((await run(of, { of: clara.id })).json, { data: { authRefreshTokens: [] } });
    const ids = "query { authRefreshTokens { id } }";
    const [{ id }] = (await run(ids, {}, clara.token)).json.data.authRefreshTokens;
    const one = "query ($id: uuid!) { authRefreshToken(id: $id) { id } }";
    assert.deepEqual((await run(one, { id })).json, { data: { authRefreshToken: null } });
    const end = "mutation ($id: uuid!) { deleteAuthRefreshToken(id: $id) { id } }";
    assert.deepEqual((await run(end, { id })).json, { data: { deleteAuthRefreshToken: null } });
    assert.deepEqual((await run(one, { id }, clara.token)).json, {
      data: { authRefreshToken: { id } },
    });
    for (const secret of ["refreshTokenHash", "refreshToken"]) {
      const hidden = [
        `query { authRefreshTokens { ${secret} } }`,
        `query { authRefreshTokens(where: { ${secret}: { _is_null: false } }) { id } }`,
        `query { authRefreshTokens(order_by: { ${secret}: asc }) { id } }`,
      ];
      for (const query of hidden) isGraphqlError(await run(query), "validation-failed");
    }
  });

  test("a direct chat with nobody", async () => {
    const open = "mutation ($user: uuid!) { open_direct_chat(args: { user_id: $user }) { id } }";
    isGraphqlError(await run(open, { user: randomUUID() }));
    isGraphqlError(await run("mutation { open_direct_chat(args: {}) { id } }"));
  });
});
