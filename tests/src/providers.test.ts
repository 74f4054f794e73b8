/** Signing in with another service in a real browser, through both generations of `@nhost/nhost-js` as they are. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server as PageServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { createClient } from "nhost-v4";
import { inPage, load } from "./generation3.js";
import { password } from "./http.js";
import { OpenIdService } from "./openid.js";
import { Server } from "./server.js";
import { ChatWindow } from "./window.js";

describe("signing in with another service, in a browser", () => {
  let pages: PageServer;
  let service: OpenIdService;
  let server: Server;
  let window: ChatWindow;
  let origin: string;

  before(async () => {
    pages = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>A page</title>");
    }).listen(0, "127.0.0.1");
    await once(pages, "listening");
    const address = pages.address();
    assert(address !== null && typeof address === "object");
    origin = `http://localhost:${address.port}`;
    service = await OpenIdService.start();
    server = await Server.start({ AUTH_CLIENT_URL: origin, ...service.settings() });
    window = await ChatWindow.open(origin);
  });
  after(async () => {
    await window?.close();
    await server?.remove();
    service?.stop();
    pages?.close();
  });

  const v4 = () =>
    createClient({
      authUrl: `${server.address}/v1`,
      storageUrl: `${server.address}/v1`,
      graphqlUrl: `${server.address}/v1/graphql`,
      functionsUrl: `${server.address}/v1/functions`,
    });
  /** Somebody else comes to the service. */
  const someone = () => {
    service.somebody = { subject: randomUUID(), email: `${randomUUID()}@example.org` };
    return service.somebody;
  };
  /** A page of the client's with nobody in it. */
  const freshPage = async () => {
    await window.page.goto(origin);
    await window.page.evaluate(() => localStorage.clear());
    await load(window, server);
  };
  /** Has the SDK send the browser away, and waits until it is back. */
  const there = async (leave: () => Promise<unknown>, page: string) => {
    const back = window.page.waitForURL((url) => url.href.startsWith(`${origin}${page}`));
    // The page that it is called in is gone before it can answer.
    await Promise.all([back, leave().catch(() => undefined)]);
  };
  const signedIn = () =>
    inPage(
      window,
      async (nhost) => {
        await nhost.auth.isAuthenticatedAsync();
        return nhost.auth.getUser();
      },
      null,
    );

  test("generation 3: goes there, comes back signed in, and finds the account again", async () => {
    const { email } = someone();
    const ids = [];
    for (const page of ["/first", "/second"]) {
      await freshPage();
      await there(
        () =>
          inPage(
            window,
            (nhost, redirectTo) =>
              nhost.auth.signIn({ provider: "google", options: { redirectTo } }),
            `${origin}${page}`,
          ),
        page,
      );
      await load(window, server);
      const user = await signedIn();
      assert.equal(user?.email, email);
      assert.equal(user?.emailVerified, true);
      ids.push(user?.id);
      // The SDK has taken the token out of the address.
      assert.equal(new URL(window.page.url()).searchParams.get("refreshToken"), null);
    }
    assert.equal(ids[0], ids[1]);
  });

  test("generation 3: connects a service to an account, which is then found by it", async () => {
    await freshPage();
    const own = `${randomUUID()}@example.org`;
    const { session, error } = await inPage(
      window,
      (nhost, [email, password]) => nhost.auth.signUp({ email, password }),
      [own, password] as const,
    );
    assert.equal(error, null);
    someone();
    await there(
      () =>
        inPage(
          window,
          (nhost, redirectTo) =>
            nhost.auth.connectProvider({ provider: "google", options: { redirectTo } }),
          `${origin}/connected`,
        ),
      "/connected",
    );
    assert.equal(new URL(window.page.url()).searchParams.get("error"), null);
    const idToken = service.idToken();
    await freshPage();
    const again = await inPage(
      window,
      (nhost, idToken) => nhost.auth.signInIdToken({ provider: "google", idToken }),
      idToken,
    );
    assert.equal(again.error, null);
    assert.equal(again.session?.user?.id, session?.user?.id);
    assert.equal(again.session?.user?.email, own);
  });

  test("generation 3: an id token signs in and is linked; a forged one is not", async () => {
    await freshPage();
    const { email } = someone();
    const signIn = (idToken: string, nonce?: string) =>
      inPage(
        window,
        (nhost, [idToken, nonce]) =>
          nhost.auth.signInIdToken({
            provider: "google",
            idToken,
            ...(nonce ? { nonce } : {}),
          }),
        [idToken, nonce ?? ""] as const,
      );
    const first = await signIn(service.idToken("n-1"), "n-1");
    assert.equal(first.error, null);
    assert.equal(first.session?.user?.email, email);
    await freshPage();
    const [header, payload] = service.idToken().split(".");
    const forged = await signIn(`${header}.${payload}.${"A".repeat(342)}`);
    assert.equal(forged.error?.error, "oauth-token-echange-failed");
    const other = `${randomUUID()}@example.org`;
    await inPage(window, (nhost, [email, password]) => nhost.auth.signUp({ email, password }), [
      other,
      password,
    ] as const);
    someone();
    const linked = await inPage(
      window,
      (nhost, idToken) => nhost.auth.linkIdToken({ provider: "google", idToken }),
      service.idToken(),
    );
    assert.equal(linked.error ?? null, null);
    await freshPage();
    assert.equal((await signIn(service.idToken())).session?.user?.email, other);
  });

  test("generation 3: who says no there is told so on the page", async () => {
    await freshPage();
    const { providerUrl } = await fetchUrl();
    const begun = await window.page.context().request.get(providerUrl, { maxRedirects: 0 });
    const state = new URL(begun.headers().location ?? "").searchParams.get("state");
    const callback = `${server.address}/v1/signin/provider/google/callback`;
    await window.page.goto(`${callback}?state=${state}&error=access_denied`);
    const back = new URL(window.page.url());
    assert.equal(back.origin, origin);
    assert.equal(back.searchParams.get("error"), "oauth-provider-error");
  });

  test("generation 4: goes there and comes back signed in", async () => {
    const { email } = someone();
    const nhost = v4();
    const redirectTo = `${origin}/fourth`;
    await window.page.goto(nhost.auth.signInProviderURL("google", { redirectTo }));
    const back = new URL(window.page.url());
    assert.equal(back.pathname, "/fourth");
    const refreshToken = back.searchParams.get("refreshToken") ?? "";
    await nhost.auth.refreshToken({ refreshToken });
    assert.equal(nhost.getUserSession()?.user?.email, email);
    const again = v4();
    await again.auth.signInIdToken({ provider: "google", idToken: service.idToken() });
    assert.equal(again.getUserSession()?.user?.id, nhost.getUserSession()?.user?.id);
  });

  const fetchUrl = async () => ({
    providerUrl: `${server.address}/v1/auth/signin/provider/google?redirectTo=${origin}`,
  });
});
