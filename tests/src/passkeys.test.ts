/** Passkeys in a real browser with a virtual authenticator, through both generations of `@nhost/nhost-js` as they are. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server as PageServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { createClient, type NhostClient } from "nhost-v4";
import type {
  CredentialAssertionResponse,
  CredentialCreationResponse,
  PublicKeyCredentialCreationOptions,
  PublicKeyCredentialRequestOptions,
} from "nhost-v4/auth";
import { inPage, load } from "./generation3.js";
import { graphql, password } from "./http.js";
import { Server } from "./server.js";
import { ChatWindow } from "./window.js";

const hasuraClaims = "https://hasura.io/jwt/claims";

/** What the browser is asked to do, in the page. */
type Asking = "create" | "get";

describe("passkeys in a browser", () => {
  let pages: PageServer;
  let server: Server;
  let window: ChatWindow;
  const email = `anna-${randomUUID()}@example.org`;

  before(async () => {
    // A page of its own origin: its host name is what keys are made for.
    pages = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>A page</title>");
    }).listen(0, "127.0.0.1");
    await once(pages, "listening");
    const address = pages.address();
    assert(address !== null && typeof address === "object");
    const origin = `http://localhost:${address.port}`;
    server = await Server.start({ AUTH_CLIENT_URL: origin });
    window = await ChatWindow.open(origin);
    const devtools = await window.context.newCDPSession(window.page);
    await devtools.send("WebAuthn.enable");
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
  });
  after(async () => {
    await window?.close();
    await server?.remove();
    pages?.close();
  });

  const client = (): NhostClient =>
    createClient({
      authUrl: `${server.address}/v1`,
      storageUrl: `${server.address}/v1`,
      graphqlUrl: `${server.address}/v1/graphql`,
      functionsUrl: `${server.address}/v1/functions`,
    });

  /** Has the page ask its authenticator, with options and answer as the browser itself writes them in JSON. */
  const ask = (asking: Asking, options: object) =>
    window.page.evaluate(
      async ([asking, json]) => {
        const options = JSON.parse(json);
        const credential =
          asking === "create"
            ? await navigator.credentials.create({
                publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
              })
            : await navigator.credentials.get({
                publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
              });
        return (credential as PublicKeyCredential).toJSON() as unknown;
      },
      [asking, JSON.stringify(options)] as const,
    );
  const create = async (options: PublicKeyCredentialCreationOptions) =>
    (await ask("create", options)) as CredentialCreationResponse;
  const get = async (options: PublicKeyCredentialRequestOptions) =>
    (await ask("get", options)) as CredentialAssertionResponse;

  test("somebody signs up with one", async () => {
    const nhost = client();
    const { body: options } = await nhost.auth.signUpWebauthn({
      email,
      options: { displayName: "Anna" },
    });
    const credential = await create(options);
    const { body } = await nhost.auth.verifySignUpWebauthn({
      credential,
      nickname: "this browser",
    });
    assert.equal(body.session?.user?.displayName, "Anna");
    assert.equal(nhost.getUserSession()?.user?.email, email);
  });

  test("she signs in without her address, and with it", async () => {
    for (const body of [{}, { email }]) {
      const nhost = client();
      const { body: options } = await nhost.auth.signInWebauthn(body);
      await nhost.auth.verifySignInWebauthn({ credential: await get(options) });
      assert.equal(nhost.getUserSession()?.user?.email, email);
    }
  });

  test("she elevates her session", async () => {
    const nhost = client();
    const { body: signIn } = await nhost.auth.signInWebauthn();
    await nhost.auth.verifySignInWebauthn({ credential: await get(signIn) });
    const { body: options } = await nhost.auth.elevateWebauthn();
    const { body } = await nhost.auth.verifyElevateWebauthn({ credential: await get(options) });
    // The SDK keeps sessions of signing in alone: who elevates takes it from the answer.
    const [, payload = ""] = body.session?.accessToken.split(".") ?? [];
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString())[hasuraClaims];
    assert.equal(claims["x-hasura-auth-elevated"], nhost.getUserSession()?.user?.id);
  });

  test("somebody with a password adds one", async () => {
    const nhost = client();
    const other = `boris-${randomUUID()}@example.org`;
    await nhost.auth.signUpEmailPassword({ email: other, password });
    const { body: options } = await nhost.auth.addSecurityKey();
    const credential = await create(options);
    const { body } = await nhost.auth.verifyAddSecurityKey({ credential, nickname: "my phone" });
    assert.equal(body.nickname, "my phone");
    const again = client();
    const { body: signIn } = await again.auth.signInWebauthn({ email: other });
    await again.auth.verifySignInWebauthn({ credential: await get(signIn) });
    assert.equal(again.getUserSession()?.user?.email, other);
  });

  /** A page of its own with generation 3 in it, and nobody signed in. */
  const generation3 = async () => {
    await window.page.evaluate(() => localStorage.clear());
    await window.page.reload();
    await load(window, server);
  };
  const vera = `vera-${randomUUID()}@example.org`;

  test("generation 3: somebody signs up with one, in the page itself", async () => {
    await generation3();
    const { session, error } = await inPage(
      window,
      (nhost, email) =>
        nhost.auth.signUp({
          email,
          securityKey: true,
          options: { displayName: "Vera", nickname: "this browser", locale: "ru" },
        }),
      vera,
    );
    assert.equal(error, null);
    assert.equal(session?.user?.displayName, "Vera");
    assert.equal(session?.user?.locale, "ru");
    const keys = await graphql(
      server,
      "admin",
      `{ authUserSecurityKeys(where: { user: { email: { _eq: "${vera}" } } }) { nickname } }`,
    );
    assert.deepEqual(keys, { authUserSecurityKeys: [{ nickname: "this browser" }] });
  });

  test("generation 3: she signs in with her address, and without it", async () => {
    for (const email of [vera, null]) {
      await generation3();
      const { session, error } = await inPage(
        window,
        (nhost, email) =>
          email === null
            ? nhost.auth.signInSecurityKey()
            : nhost.auth.signIn({ email, securityKey: true }),
        email,
      );
      assert.equal(error, null);
      if (email !== null) assert.equal(session?.user?.email, email);
      else assert(session?.user !== undefined);
    }
  });

  test("generation 3: she elevates her session and adds another key", async () => {
    await generation3();
    await inPage(window, (nhost, email) => nhost.auth.signIn({ email, securityKey: true }), vera);
    const { elevated, error } = await inPage(
      window,
      (nhost, email) => nhost.auth.elevateEmailSecurityKey(email),
      vera,
    );
    assert.equal(error, null);
    assert.equal(elevated, true);
    const claims = await inPage(window, (nhost) => nhost.auth.getHasuraClaims(), null);
    assert(claims?.["x-hasura-auth-elevated"] !== undefined, JSON.stringify(claims));
    const other = `boris-${randomUUID()}@example.org`;
    await generation3();
    await inPage(window, (nhost, [email, password]) => nhost.auth.signUp({ email, password }), [
      other,
      password,
    ] as const);
    const added = await inPage(window, (nhost) => nhost.auth.addSecurityKey("my phone"), null);
    assert.equal(added.error, null);
    assert.equal(added.key?.nickname, "my phone");
  });
});
