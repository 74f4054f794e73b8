/** What careless and hostile clients send to Auth, to Storage and elsewhere: never a 5xx, and the server goes on. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { isAuthError, isStorageError, tellsNoSecrets } from "./errors.js";
import { bearer, call, type Person, password, post } from "./http.js";
import { isStillWell, type Scene, setScene } from "./scene.js";
import type { Server } from "./server.js";
import { forge } from "./token.js";

let scene: Scene;
let server: Server;
let anna: Person;
let clara: Person;

before(async () => {
  scene = await setScene();
  ({ server, anna, clara } = scene);
});
after(() => scene?.server.remove());

const stillWell = () => isStillWell(scene);

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
