/** Accounts as programs and operators have them: the SDKs' further ways in, sessions that end, keys that rotate. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NhostClient } from "nhost-v3";
import { createClient } from "nhost-v4";
import { bearer, call, graphql, password, post } from "./http.js";
import { Server } from "./server.js";
import { follow } from "./subscribe.js";

const ownChats = "subscription { chats { id } }";

describe("accounts", () => {
  let server: Server;

  // The keys are the server's own, so that they can be rotated.
  before(async () => {
    server = await Server.start({
      AUTH_ANONYMOUS_USERS_ENABLED: "true",
      AUTH_JWT_CUSTOM_CLAIMS: JSON.stringify({ language: "locale", "all-roles": "roles[*].role" }),
      NHOST_JWT_SECRET: "",
    });
  });
  after(() => server?.remove());

  const v4 = () =>
    createClient({
      authUrl: `${server.address}/v1`,
      storageUrl: `${server.address}/v1`,
      graphqlUrl: `${server.address}/v1/graphql`,
      functionsUrl: `${server.address}/v1/functions`,
    });
  const v3 = () =>
    new NhostClient({
      clientStorageType: "custom",
      clientStorage: { getItem: () => null, setItem: () => {}, removeItem: () => {} },
      authUrl: `${server.address}/v1/auth`,
      storageUrl: `${server.address}/v1/storage`,
      graphqlUrl: `${server.address}/v1/graphql`,
      functionsUrl: `${server.address}/v1/functions`,
    });
  const someone = () => `${randomUUID()}@example.org`;

  /** Signs up or in, and gives the session. */
  const enter = async (how: "signup" | "signin", email: string) => {
    const { status, json } = await post(server, `/v1/${how}/email-password`, { email, password });
    assert.equal(status, 200, JSON.stringify(json));
    return json.session;
  };
  /** A live query of a session that is up. */
  const watch = async (session: { accessToken: string }) => {
    const live = follow<{ chats: unknown[] }>(
      `${server.address}/v1/graphql`,
      session.accessToken,
      ownChats,
    );
    await live.until((state) => state.chats.length === 0);
    return live;
  };
  /** Within the five seconds that the server promises. */
  const cutOff = (live: ReturnType<typeof follow<{ chats: unknown[] }>>) =>
    assert.rejects(
      live.until(() => false, 5_000),
      /live query failed/,
    );
  const refresh = (session: { refreshToken: string }) =>
    post(server, "/v1/token", { refreshToken: session.refreshToken });

  test("generation 4: comes in without a name, takes one, makes a token for a program", async () => {
    const nhost = v4();
    await nhost.auth.signInAnonymous();
    const id = nhost.getUserSession()?.user?.id;
    assert.equal(nhost.getUserSession()?.user?.isAnonymous, true);
    const email = someone();
    await nhost.auth.deanonymizeUser({ signInMethod: "email-password", email, password });
    await nhost.refreshSession(0);
    assert.equal(nhost.getUserSession()?.user?.id, id);
    assert.equal(nhost.getUserSession()?.user?.isAnonymous, false);

    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { body } = await nhost.auth.createPAT({ expiresAt, metadata: { name: "robot" } });
    const robot = v4();
    await robot.auth.signInPAT({ personalAccessToken: body.personalAccessToken });
    assert.equal(robot.getUserSession()?.user?.id, id);
  });

  test("generation 3: the same", async () => {
    const nhost = v3();
    const { session, error } = await nhost.auth.signIn();
    assert.equal(error, null);
    assert.equal(session?.user?.isAnonymous, true);
    const email = someone();
    const named = await nhost.auth.deanonymize({ signInMethod: "email-password", email, password });
    assert.equal(named.error, null);
    const again = await nhost.auth.signIn({ email, password });
    assert.equal(again.session?.user?.id, session?.user?.id);

    const made = await nhost.auth.createPAT(new Date(Date.now() + 3_600_000), { name: "robot" });
    assert.equal(made.error, null);
    const robot = v3();
    const signedIn = await robot.auth.signInPAT(made.data?.personalAccessToken ?? "");
    assert.equal(signedIn.error, null);
    assert.equal(robot.auth.getUser()?.id, session?.user?.id);
  });

  test("who is signed out loses the socket, and nobody else does", async () => {
    const email = someone();
    const sessions = [await enter("signup", email), await enter("signin", email)];
    const [first, second] = await Promise.all(sessions.map(watch));
    assert(first !== undefined && second !== undefined);
    await post(server, "/v1/signout", { refreshToken: sessions[0].refreshToken });
    await cutOff(first);
    // Nor does a new one stay.
    await cutOff(follow(`${server.address}/v1/graphql`, sessions[0].accessToken, ownChats));
    assert.equal((await refresh(sessions[1])).status, 200);
    await assert.rejects(
      second.until(() => false, 1_000),
      /not seen within/,
    );
    await post(server, "/v1/signout", { all: true }, bearer(sessions[1].accessToken));
    await cutOff(second);
  });

  test("a person lists their devices and ends one of them", async () => {
    const email = someone();
    const here = await enter("signup", email);
    const there = await enter("signin", email);
    const live = await watch(there);
    const me = { ...here.user, name: "", email, token: here.accessToken };
    const list = "query { authRefreshTokens { id createdAt expiresAt type metadata } }";
    const { authRefreshTokens } = await graphql(server, me, list);
    const ids = authRefreshTokens.map((token: { id: string }) => token.id);
    assert.deepEqual(ids.toSorted(), [here.refreshTokenId, there.refreshTokenId].toSorted());
    assert.equal(authRefreshTokens[0].metadata.userAgent, "node");
    // Neither the secret of one's own nor a device of somebody else's is to be had.
    const stranger = await enter("signup", someone());
    const remove = "mutation ($id: uuid!) { deleteAuthRefreshToken(id: $id) { id } }";
    await assert.rejects(graphql(server, me, "query { authRefreshTokens { refreshTokenHash } }"));
    const foreign = await graphql(server, me, remove, { id: stranger.refreshTokenId });
    assert.equal(foreign.deleteAuthRefreshToken, null);
    assert.equal((await refresh(stranger)).status, 200);
    await graphql(server, me, remove, { id: there.refreshTokenId });
    await cutOff(live);
    assert.equal((await refresh(there)).status, 401);
  });

  test("custom claims are read from the project, and a wrong path stops the start", async () => {
    const { accessToken } = await enter("signup", someone());
    const payload = JSON.parse(Buffer.from(accessToken.split(".")[1], "base64url").toString());
    const claims = payload["https://hasura.io/jwt/claims"];
    assert.equal(claims["x-hasura-language"], "en");
    assert.equal(claims["x-hasura-all-roles"].length, '{"me","user"}'.length);
    const wrong = Server.start({ AUTH_JWT_CUSTOM_CLAIMS: '{"x":"no.such.field"}' });
    await assert.rejects(wrong, /AUTH_JWT_CUSTOM_CLAIMS: .*no/);
  });

  test("a network that guesses is told to wait, wherever Auth answers", async () => {
    const guess = (path: string) =>
      fetch(`${server.address}${path}/signin/email-password`, {
        method: "POST",
        // As a proxy on this machine would pass it on.
        headers: { "content-type": "application/json", "x-forwarded-for": "203.0.113.9" },
        body: JSON.stringify({ email: "nobody@example.org", password }),
      });
    const statuses = [];
    for (let number = 0; number < 12; number += 1) {
      statuses.push((await guess(number % 2 === 0 ? "/v1" : "/v1/auth")).status);
    }
    assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
    const refused = await guess("/v1");
    assert(Number(refused.headers.get("retry-after")) > 0);
    assert.equal((await refused.json()).error, "too-many-requests");
  });

  test("an operator blocks, lets in, verifies and deletes from the command line", async () => {
    const email = someone();
    const live = await watch(await enter("signup", email));
    assert.match(await server.command("people", "list", "--search", email), /not verified/);
    await server.command("people", "block", email);
    await cutOff(live);
    const refused = await post(server, "/v1/signin/email-password", { email, password });
    assert.equal(refused.json.error, "disabled-user");
    await server.command("people", "unblock", email);
    await server.command("people", "verify", email);
    const session = await enter("signin", email);
    assert.equal(session.user.emailVerified, true);
    assert.match(await server.command("people", "show", email), /session .*node/);
    await server.command("people", "sign-out", session.user.id);
    assert.equal((await refresh(session)).status, 401);
    await assert.rejects(server.command("people", "delete", email), /--yes/);
    await server.command("people", "delete", email, "--yes");
    await assert.rejects(server.command("people", "show", email), /no account/);
  });

  test("an operator does the same while no server runs, and after a crash", async () => {
    const email = someone();
    await enter("signup", email);
    await server.stop();
    assert.match(await server.command("people", "list", "--search", email), /not verified/);
    await server.command("people", "block", email);
    assert.match(await server.command("people", "show", email), /blocked/);
    await server.startAgain();
    const refused = await post(server, "/v1/signin/email-password", { email, password });
    assert.equal(refused.json.error, "disabled-user");
    // What a crash leaves is a database without a server.
    await server.kill();
    await server.command("people", "unblock", email);
    await server.startAgain();
    await enter("signin", email);
    await server.stop();
    await server.command("people", "delete", email, "--yes");
    await server.startAgain();
    const gone = await post(server, "/v1/signin/email-password", { email, password });
    assert.equal(gone.json.error, "invalid-email-password");
  });

  test("where there is no installation, none is made for a question", async () => {
    const folder = join(tmpdir(), `brain-nowhere-${randomUUID()}`);
    const asked = server.command("--data-dir", folder, "people", "list");
    await assert.rejects(asked, /has no database; the server makes it/);
    assert.equal(existsSync(folder), false);
  });

  test("keys rotate while clients call, and none of them fails", async () => {
    const sessions = [await enter("signup", someone()), await enter("signup", someone())];
    let calls = 0;
    let done = false;
    const clients = sessions.map(async (start) => {
      let session = start;
      while (!done) {
        const renewed = await refresh(session);
        assert.equal(renewed.status, 200, renewed.text);
        for (const { accessToken } of [session, renewed.json]) {
          const user = await call(server, "/v1/user", { headers: bearer(accessToken) });
          assert.equal(user.status, 200, user.text);
          const chats = await post(
            server,
            "/v1",
            { query: "{ chats { id } }" },
            bearer(accessToken),
          );
          assert.deepEqual(chats.json, { data: { chats: [] } });
        }
        session = renewed.json;
        calls += 1;
      }
      return session.accessToken;
    });
    const keys = async () => (await call(server, "/v1/.well-known/jwks.json")).json.keys;
    const until = async (fits: (found: { alg: string }[] | null) => boolean) => {
      for (const deadline = Date.now() + 20_000; ; ) {
        const found = await keys();
        if (fits(found)) return found;
        assert(Date.now() < deadline, "the server did not notice");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    assert.equal(await keys(), null);
    const rotating = async () => {
      await server.command("keys", "rotate", "--now", "--type", "es512");
      await until((found) => found?.length === 1);
      await server.command("keys", "rotate", "--now", "--type", "eddsa");
      await until((found) => found?.length === 2);
    };
    /** Every client has been round once more, with the newest key. */
    const round = async () => {
      for (const before = calls; calls < before + 2 * sessions.length; ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await Promise.race([rotating().then(round), Promise.all(clients)]).finally(() => {
      done = true;
    });
    const tokens = await Promise.all(clients);
    assert(calls > 0);
    const header = JSON.parse(Buffer.from(tokens[0].split(".")[0], "base64url").toString());
    const listed = await server.command("keys", "list");
    assert.equal(header.alg, "EdDSA");
    assert(listed.startsWith(`${header.kid}  EdDSA   signs`), listed);

    // A retired key's tokens are no good any more; whoever has a later one does not notice.
    const old =
      listed
        .split("\n")
        .find((line) => line.includes("ES512"))
        ?.split(" ")[0] ?? "";
    await server.command("keys", "retire", old);
    await until((found) => found?.length === 1);
    const user = await call(server, "/v1/user", { headers: bearer(tokens[0]) });
    assert.equal(user.status, 200, user.text);
  });
});
