/** A session in a real browser that outlives its access tokens, and one that is ended elsewhere. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  graphql,
  openDirectChat,
  type Person,
  password,
  post,
  sendDocument,
  signUp,
} from "./http.js";
import { Server } from "./server.js";
import { ChatWindow } from "./window.js";

/** Seconds; the least that the server allows. */
const tokenLife = 30;

describe("a session", () => {
  let server: Server;
  let anna: ChatWindow;
  let annaMail: string;
  let boris: Person;
  let chatId: number;

  before(async () => {
    server = await Server.start({ AUTH_ACCESS_TOKEN_EXPIRES_IN: String(tokenLife) });
    const me = await signUp(server, "Anna Petrova");
    annaMail = me.email;
    boris = await signUp(server, "Boris Ivanov");
    chatId = await openDirectChat(server, me, boris);
    anna = await ChatWindow.open(server.address);
    await anna.signIn(annaMail, password);
    await anna.openChat("Boris Ivanov");
  });
  after(async () => {
    await anna?.close();
    await server?.remove();
  });

  /** Boris's own token is as short-lived: he signs in for every message. */
  const say = async (content: string) => {
    const body = { email: boris.email, password };
    const { json } = await post(server, "/v1/signin/email-password", body);
    const token = json.session.accessToken;
    await graphql(server, { ...boris, token }, sendDocument, {
      chatId,
      clientId: randomUUID(),
      content,
    });
  };

  test("when the token has expired, live queries and requests go on, and so does a page that was away", async () => {
    const away = await ChatWindow.open(server.address);
    await away.signIn(annaMail, password);
    await away.openChat("Boris Ivanov");
    const address = away.page.url();
    await away.page.goto("about:blank");

    await anna.page.waitForTimeout((tokenLife + 2) * 1_000);
    await say("Written after the token's life");
    await anna.sees("Written after the token's life");
    await anna.write("Answered after it");
    await anna.message("Answered after it").getByText("Sent").waitFor({ state: "attached" });

    await away.page.goto(address);
    await away.sees("Answered after it");
    await away.close();
  });

  test("two windows share one session", async () => {
    const second = await anna.context.newPage();
    await second.goto(anna.page.url());
    await second.locator(".message", { hasText: "Answered after it" }).waitFor();
    await second.getByRole("button", { name: "Sign out" }).click();
    await second.getByRole("heading", { name: "Welcome back" }).waitFor();
    await anna.page.getByRole("heading", { name: "Welcome back" }).waitFor();
    await second.close();
  });

  test("after signing out nothing of the conversation is left on the device", async () => {
    assert.equal(await anna.page.getByText("Answered after").count(), 0);
    const stored = await anna.page.evaluate(() => JSON.stringify({ ...localStorage }));
    assert.equal(stored, "{}");
  });

  test("a session that is ended elsewhere ends here, too, when its token has expired", async () => {
    await anna.signIn(annaMail, password);
    await anna.openChat("Boris Ivanov");
    const { json } = await post(server, "/v1/signin/email-password", { email: annaMail, password });
    const { accessToken } = json.session;
    const headers = { authorization: `Bearer ${accessToken}` };
    assert.equal((await post(server, "/v1/signout", { all: true }, headers)).status, 200);
    const within = (tokenLife + 15) * 1_000;
    await anna.page.getByRole("heading", { name: "Welcome back" }).waitFor({ timeout: within });
  });
});
