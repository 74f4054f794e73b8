/** Two people, two real browsers: everything that the first part of the messenger promises. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { graphql } from "./http.js";
import { Server } from "./server.js";
import { ChatWindow, photo } from "./window.js";

/** A message must be seen by the other within this time. */
const blink = 1_000;

describe("two people in two browsers", () => {
  let server: Server;
  let anna: ChatWindow;
  let boris: ChatWindow;
  const annaMail = `anna-${randomUUID()}@example.org`;
  const borisMail = `boris-${randomUUID()}@example.org`;

  before(async () => {
    server = await Server.start();
    anna = await ChatWindow.open(server.address);
    boris = await ChatWindow.open(server.address, "dark");
  });
  after(async () => {
    await anna?.close();
    await boris?.close();
    await server?.remove();
  });

  test("both sign up", async () => {
    assert.deepEqual(await anna.accessibilityProblems(), []);
    await anna.screenshot("01-sign-in");
    await anna.signUp("Anna Petrova", annaMail);
    await boris.signUp("Boris Ivanov", borisMail);
    await boris.screenshot("02-no-chats-dark");
    assert.deepEqual(await boris.accessibilityProblems(), []);
  });

  test("one finds the other by name and writes; the other sees it without reloading", async () => {
    await anna.search.fill("bor");
    await anna.page.getByRole("button", { name: "Write to Boris Ivanov" }).waitFor();
    await anna.screenshot("03-found");
    await anna.writeTo("ivan", "Boris Ivanov");
    await anna.write("Hello Boris");
    await boris.chatRow("Anna Petrova").filter({ hasText: "1 unread message" }).waitFor();
    assert.equal(await boris.page.title(), "(1) BrainMessenger");
    await boris.screenshot("04-unread-dark");
    await boris.openChat("Anna Petrova");
    await boris.sees("Hello Boris");
  });

  test("reading it is seen by the writer, and leaves nothing unread", async () => {
    await anna
      .message("Hello Boris")
      .getByText("Read", { exact: true })
      .waitFor({ state: "attached" });
    await boris.page.getByText("unread message").waitFor({ state: "detached" });
    assert.equal(await boris.page.title(), "BrainMessenger");
  });

  test("an answer is there within a blink", async (context) => {
    const took = [];
    for (let round = 1; round <= 10; round++) {
      const [from, to] = round % 2 === 0 ? [anna, boris] : [boris, anna];
      const text = `Answer ${round}, sent ${randomUUID()}`;
      await from.composer.fill(text);
      const seen = await to.timeOfAppearance(text);
      const pressed = await from.pressEnter();
      took.push((await seen()) - pressed);
      await to.sees(text);
    }
    const sorted = took.toSorted((a, b) => a - b);
    context.diagnostic(`from Enter to visible, ms: ${took.join(" ")}; median ${sorted[5]}`);
    assert(Math.max(...took) < blink, `took ${took.join(" ")} ms`);
  });

  test("a photo arrives, with words, and opens large", async () => {
    await anna.attach(photo);
    await anna.screenshot("05-photo-attached");
    await anna.write("From the mountains");
    await boris.sees("From the mountains");
    assert.equal(await boris.photoWidth(), 1280);
    await boris.page.getByRole("button", { name: "Open the photo in full size" }).click();
    await boris.page.getByRole("dialog", { name: "Photo" }).waitFor();
    await boris.screenshot("06-photo-large");
    await boris.page.keyboard.press("Escape");
    await boris.page.getByRole("dialog").waitFor({ state: "detached" });
    await anna.screenshot("07-talk");
    await boris.screenshot("08-talk-dark");
  });

  test("the conversation is accessible, in light and in dark", async () => {
    assert.deepEqual(await anna.accessibilityProblems(), []);
    assert.deepEqual(await boris.accessibilityProblems(), []);
  });

  test("after a reload everything is there", async () => {
    for (const one of [anna, boris]) {
      await one.reload();
      await one.sees("Hello Boris");
      await one.sees("Answer 10");
      await one.sees("From the mountains");
      assert.equal(await one.photoWidth(), 1280);
    }
  });

  test("a wrong password is told in words, the right one signs in", async () => {
    await boris.signOut();
    await boris.signIn(borisMail, "a wrong password");
    await boris.page.getByText("The e-mail address or the password is wrong.").waitFor();
    await boris.screenshot("09-wrong-password-dark");
    await boris.signIn(borisMail, "correct horse battery");
    await boris.openChat("Anna Petrova");
    await boris.sees("From the mountains");
  });

  test("an address that is taken is told in words", async () => {
    const third = await ChatWindow.open(server.address);
    await third.page.getByRole("button", { name: "Create account" }).click();
    await third.page.getByLabel("Your name").fill("Somebody Else");
    await third.fillCredentials(annaMail, "correct horse battery");
    await third.page.getByRole("button", { name: "Create account" }).click();
    await third.page.getByText("There is already an account with this e-mail address.").waitFor();
    await third.close();
  });

  test("what is written offline is delivered once, when the network is back", async () => {
    await anna.context.setOffline(true);
    await anna.page.getByText("You are offline.").waitFor();
    await anna.write("Written without a network");
    const waiting = anna.message("Written without a network");
    await waiting.getByText("Waiting for the connection").waitFor({ state: "attached" });
    await anna.screenshot("10-offline");
    assert.equal(await boris.message("Written without a network").count(), 0);
    await anna.context.setOffline(false);
    await boris.sees("Written without a network");
    await anna.page.getByText("You are offline.").waitFor({ state: "detached" });
    await anna.sees("Written without a network");
    assert.equal(await countOf(server, "Written without a network"), 1);
  });

  test("a message whose answer is lost is sent again, and kept once", async () => {
    let lost = 0;
    let sentAgain = () => {};
    const secondTry = new Promise<void>((resolve) => {
      sentAgain = resolve;
    });
    const restore = await anna.intercept("SendMessage", async (route) => {
      if (lost++ > 0) return route.continue().then(sentAgain);
      await route.fetch();
      return route.abort("connectionreset");
    });
    await anna.write("The answer gets lost");
    await boris.sees("The answer gets lost");
    await anna
      .message("The answer gets lost")
      .getByText(/Sent|Read/)
      .waitFor({ state: "attached" });
    await secondTry;
    await restore();
    await anna.sees("The answer gets lost");
    assert.equal(await countOf(server, "The answer gets lost"), 1);
  });

  test("a refused message stays, says so, and can be tried again", async () => {
    const restore = await anna.intercept("SendMessage", (route) =>
      route.fulfill({
        json: { errors: [{ message: "no", extensions: { code: "permission-error", path: "$" } }] },
      }),
    );
    await anna.write("Refused at first");
    const retry = anna.page.getByRole("button", { name: "Try again" });
    await retry.waitFor();
    await anna.screenshot("11-refused");
    assert.deepEqual(await anna.accessibilityProblems(), []);
    await restore();
    await anna.reload();
    await retry.click();
    await boris.sees("Refused at first");
    await retry.waitFor({ state: "detached" });
    await anna.sees("Refused at first");
  });

  test("an unsent message survives a reload", async () => {
    const restore = await anna.intercept("SendMessage", (route) => route.abort());
    await anna.write("Written before the reload");
    await anna.message("Written before the reload").waitFor();
    await anna.page.reload();
    await anna.message("Written before the reload").waitFor();
    await restore();
    await boris.sees("Written before the reload");
    assert.equal(await countOf(server, "Written before the reload"), 1);
  });

  test("an unsent photo survives a reload, too", async () => {
    await anna.page.route("**/v1/files", (route) => route.abort());
    await anna.drop(photo);
    await anna.write("The same mountains again");
    await anna.message("The same mountains again").waitFor();
    await anna.page.reload();
    await anna.message("The same mountains again").locator("img").waitFor();
    await anna.page.unroute("**/v1/files");
    await boris.sees("The same mountains again", 20_000);
    assert.equal(await boris.photoWidth(1), 1280);
    assert.equal(await countOf(server, "The same mountains again"), 1);
  });

  test("what is no picture is refused in words", async () => {
    await anna.drop(resolve("package.json"));
    await anna.page.getByText("Only pictures can be attached for now.").waitFor();
  });

  test("the server is restarted: the windows go on by themselves", async () => {
    await server.stop();
    await anna.page.getByText("Connecting…").waitFor();
    await anna.write("Written while the server was away");
    await anna.screenshot("12-connecting");
    await server.startAgain();
    await boris.sees("Written while the server was away", 40_000);
    await anna.sees("Hello Boris");
    await anna.page.getByText("Connecting…").waitFor({ state: "detached" });
    assert.equal(await countOf(server, "Written while the server was away"), 1);
  });

  test("on a small screen there is one pane at a time", async () => {
    await anna.page.setViewportSize({ width: 390, height: 780 });
    await anna.screenshot("13-small-conversation");
    assert.equal(await anna.search.isVisible(), false);
    await anna.page.getByRole("button", { name: "Back to chats" }).click();
    await anna.search.waitFor();
    assert.equal(await anna.composer.count(), 0);
    await anna.screenshot("14-small-chats");
    await anna.page.setViewportSize({ width: 1280, height: 800 });
  });
});

async function countOf(server: Server, content: string): Promise<number> {
  const query =
    "query ($content: String!) { messages(where: { content: { _eq: $content } }) { id } }";
  return (await graphql(server, "admin", query, { content })).messages.length;
}
