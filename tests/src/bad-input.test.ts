/** What careless and hostile clients send: the error of the API's own shape, never a 5xx, and the server goes on. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  type Answer,
  bearer,
  call,
  graphql,
  openDirectChat,
  type Person,
  password,
  post,
  sendDocument,
  signUp,
} from "./http.js";
import { Server } from "./server.js";
import { forge } from "./token.js";

let server: Server;
let anna: Person;
let boris: Person;
let clara: Person;
let chatId: number;
let messageId: number;

before(async () => {
  server = await Server.start();
  anna = await signUp(server, "Anna Petrova");
  boris = await signUp(server, "Boris Ivanov");
  clara = await signUp(server, "Clara Stranger");
  chatId = await openDirectChat(server, anna, boris);
  const variables = { chatId, clientId: randomUUID(), content: "Between the two of us" };
  messageId = (await graphql(server, anna, sendDocument, variables)).insert_messages_one.id;
});
after(() => server?.remove());

/** After every group of bad requests everything still works, and nothing has changed. */
async function stillWell(): Promise<void> {
  const query = "query ($id: bigint!) { messages(where: { chatId: { _eq: $id } }) { id content } }";
  assert.deepEqual(await graphql(server, boris, query, { id: chatId }), {
    messages: [{ id: messageId, content: "Between the two of us" }],
  });
  assert.equal((await call(server, "/healthz")).status, 200);
}

/** GraphQL's errors: a list, each with a message, a code and a path. */
function isGraphqlError(answer: Answer, code?: string | RegExp): void {
  assert(answer.status < 500, `${answer.status} ${answer.text}`);
  assert(Array.isArray(answer.json?.errors) && answer.json.errors.length > 0, answer.text);
  for (const error of answer.json.errors) {
    assert.equal(typeof error.message, "string");
    assert.equal(typeof error.extensions?.code, "string", answer.text);
    assert.equal(typeof error.extensions?.path, "string", answer.text);
  }
  assert.equal(answer.json.data ?? null, null, answer.text);
  if (code !== undefined) assert.match(answer.json.errors[0].extensions.code, new RegExp(code));
  tellsNoSecrets(answer);
}

/** Auth's errors: status, message, error, always as JSON. */
function isAuthError(answer: Answer, status: number, code?: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(typeof answer.json?.message, "string", answer.text);
  assert.equal(typeof answer.json?.error, "string", answer.text);
  if (code !== undefined) assert.equal(answer.json.error, code);
  tellsNoSecrets(answer);
}

/** Storage's errors: an object with a message. */
function isStorageError(answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(typeof answer.json?.error?.message, "string", answer.text);
  tellsNoSecrets(answer);
}

function tellsNoSecrets({ text }: Answer): void {
  assert.doesNotMatch(text, /\bselect\b.*\bfrom\b|insert into|panicked|\.rs:\d+|argon2/i);
}

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
    isGraphqlError(await run("query { authRefreshTokens { id } }"), "validation-failed");
  });

  test("a direct chat with nobody", async () => {
    const open = "mutation ($user: uuid!) { open_direct_chat(args: { user_id: $user }) { id } }";
    isGraphqlError(await run(open, { user: randomUUID() }));
    isGraphqlError(await run("mutation { open_direct_chat(args: {}) { id } }"));
  });
});

describe("Auth", () => {
  after(stillWell);
  const raw = (path: string, body: string) =>
    call(server, path, { method: "POST", headers: { "content-type": "application/json" }, body });

  test("bodies that are no request", async () => {
    for (const path of ["/v1/signup/email-password", "/v1/signin/email-password", "/v1/token"]) {
      for (const body of ["", "{", "null", "[]", "7", "{}", '{"email":7,"password":[]}']) {
        isAuthError(await raw(path, body), 400);
      }
    }
  });

  test("accounts that may not be", async () => {
    const email = `${randomUUID()}@example.org`;
    const make = (body: object) => post(server, "/v1/signup/email-password", body);
    isAuthError(await make({ email, password: "x" }), 400);
    isAuthError(await make({ email: "no address", password }), 400);
    isAuthError(await make({ email, password, surprise: true }), 400);
    isAuthError(await make({ email, password, options: { displayName: "x".repeat(33) } }), 400);
    isAuthError(await make({ email, password, options: { displayName: 7 } }), 400);
    isAuthError(await make({ email, password, options: { defaultRole: "admin" } }), 400);
    isAuthError(await make({ email, password, options: { allowedRoles: ["admin"] } }), 400);
    isAuthError(await make({ email: `nul\u0000${email}`, password }), 400);
    isAuthError(await make({ email, password: "x".repeat(5_000) }), 400);
    isAuthError(await make({ email: anna.email, password }), 409, "email-already-in-use");
    isAuthError(
      await make({ email: anna.email.toUpperCase(), password }),
      409,
      "email-already-in-use",
    );
  });

  test("the wrong password and the unknown address answer alike", async () => {
    const enter = (email: string, secret: string) =>
      post(server, "/v1/signin/email-password", { email, password: secret });
    const wrong = await enter(anna.email, "a wrong password");
    const unknown = await enter(`${randomUUID()}@example.org`, "a wrong password");
    isAuthError(wrong, 401, "invalid-email-password");
    assert.deepEqual(unknown.json, wrong.json);
  });

  test("refresh tokens that are none", async () => {
    isAuthError(await post(server, "/v1/token", { refreshToken: "nonsense" }), 400);
    isAuthError(
      await post(server, "/v1/token", { refreshToken: randomUUID() }),
      401,
      "invalid-refresh-token",
    );
    isAuthError(await post(server, "/v1/signout", {}), 400);
    assert.equal((await post(server, "/v1/signout", { refreshToken: randomUUID() })).status, 200);
  });

  test("who one is, without a good token", async () => {
    const past = Math.floor(Date.now() / 1000) - 60;
    const tokens = [
      "nonsense",
      forge(anna.id, { claims: { exp: past } }),
      forge(anna.id, { claims: { iss: "somebody else" } }),
      forge(anna.id, { key: "no" }),
      forge(randomUUID()),
    ];
    for (const headers of [{}, ...tokens.map(bearer)]) {
      const answer = await call(server, "/v1/user", { headers });
      assert(answer.status === 400 || answer.status === 401, answer.text);
      isAuthError(answer, answer.status);
    }
  });
});

describe("Storage", () => {
  after(stillWell);
  const upload = (person: Person | null, form: FormData | string, type?: string) =>
    call(server, "/v1/files", {
      method: "POST",
      body: form,
      headers: {
        ...(person === null ? {} : bearer(person.token)),
        ...(type === undefined ? {} : { "content-type": type }),
      },
    });
  const form = (fields: Record<string, string | Blob>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    return data;
  };
  const file = () => new File(["some bytes"], "a.txt", { type: "text/plain" });

  test("uploads that are none", async () => {
    isStorageError(await upload(anna, "{}", "application/json"), 400);
    isStorageError(await upload(anna, "nothing", "multipart/form-data"), 400);
    isStorageError(await upload(anna, "nothing", "multipart/form-data; boundary=x"), 400);
    isStorageError(await upload(anna, form({ "bucket-id": "messages" })), 400);
    isStorageError(
      await upload(anna, form({ "metadata[]": new Blob(["{"]), "file[]": file() })),
      400,
    );
    isStorageError(await upload(anna, form({ "bucket-id": "nowhere", "file[]": file() })), 404);
  });

  test("uploads by nobody, with a bad token, or under an id that is taken", async () => {
    isStorageError(await upload(null, form({ "file[]": file() })), 403);
    const expired = { ...anna, token: forge(anna.id, { claims: { exp: 1_000 } }) };
    const answer = await upload(expired, form({ "file[]": file() }));
    assert([400, 401, 403].includes(answer.status), answer.text);
    isStorageError(answer, answer.status);

    const id = randomUUID();
    const metadata = () => new Blob([JSON.stringify({ id })], { type: "application/json" });
    const twice = () =>
      form({ "bucket-id": "messages", "metadata[]": metadata(), "file[]": file() });
    assert.equal((await upload(anna, twice())).status, 201);
    for (const person of [anna, clara]) isStorageError(await upload(person, twice()), 400);
    const own = await call(server, `/v1/files/${id}`, { headers: bearer(anna.token) });
    assert.equal(own.text, "some bytes");
    isStorageError(await call(server, `/v1/files/${id}`, { headers: bearer(clara.token) }), 404);
    const nobody = await call(server, `/v1/files/${id}`);
    assert([403, 404].includes(nobody.status), nobody.text);
  });

  test("files that are not there", async () => {
    const get = (id: string, headers = bearer(anna.token)) =>
      call(server, `/v1/files/${id}`, { headers });
    isStorageError(await get(randomUUID()), 404);
    for (const id of ["nonsense", "..%2f..%2fetc%2fpasswd", "%00", "%ff"]) {
      const answer = await get(id);
      assert(answer.status >= 400 && answer.status < 500, `${id}: ${answer.status} ${answer.text}`);
      tellsNoSecrets(answer);
    }
  });
});

describe("Addresses and methods", () => {
  after(stillWell);

  test("unknown addresses and wrong methods", async () => {
    for (const [method, path] of [
      ["GET", "/v1/nothing"],
      ["POST", "/v1/nothing"],
      ["DELETE", "/v1/graphql"],
      ["PUT", "/v1/token"],
      ["GET", "/v1/signin/email-password"],
      ["POST", "/"],
    ] as const) {
      const { status, text } = await call(server, path, { method });
      assert(status >= 400 && status < 500, `${method} ${path}: ${status} ${text.slice(0, 200)}`);
    }
  });
});
