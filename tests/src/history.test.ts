/** A long conversation in a real browser: older messages come while one scrolls, and the place is kept. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Page, WebSocketRoute } from "playwright-core";
import {
  graphql,
  liftSendingLimit,
  openDirectChat,
  type Person,
  password,
  sendDocument,
  signUp,
} from "./http.js";
import { Server } from "./server.js";
import { ChatWindow } from "./window.js";

const total = 170;

describe("a long conversation", () => {
  let server: Server;
  let anna: ChatWindow;
  let boris: Person;
  let chatId: number;

  before(async () => {
    server = await Server.start();
    await liftSendingLimit(server);
    const me = await signUp(server, "Anna Petrova");
    boris = await signUp(server, "Boris Ivanov");
    chatId = await openDirectChat(server, me, boris);
    for (let number = 1; number <= total; number++) await say(`Message number ${number}.`);
    anna = await ChatWindow.open(server.address);
    await anna.signIn(me.email, password);
  });
  after(async () => {
    await anna?.close();
    await server?.remove();
  });

  const say = (content: string) =>
    graphql(server, boris, sendDocument, { chatId, clientId: randomUUID(), content });

  const atEnd = () =>
    anna.page.locator(".messages").evaluate((pane) => {
      return pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
    });

  test("it opens at its end, and counts as read", async () => {
    await anna.chatRow("Boris Ivanov").filter({ hasText: "99+" }).waitFor();
    await anna.openChat("Boris Ivanov");
    await anna.sees(`Message number ${total}.`);
    assert(await atEnd());
    await anna.page.getByText("unread message").waitFor({ state: "detached" });
  });

  test("scrolling up brings older messages, down to the first, each once and in order", async () => {
    const pane = anna.page.locator(".messages");
    const first = anna.message("Message number 1.");
    for (let tries = 0; tries < 40 && (await first.count()) === 0; tries++) {
      await pane.evaluate((element) => element.scrollBy(0, -900));
      await anna.page.waitForTimeout(100);
    }
    const seqs = await anna.page.locator(".message").evaluateAll((messages) => {
      return messages.map((message) => Number((message as HTMLElement).dataset.seq));
    });
    assert.deepEqual(seqs, contiguousFrom(1, total));
  });

  test("a new message does not move what one reads; the way to it is offered", async () => {
    const anchor = anna.message("Message number 60.");
    await anchor.scrollIntoViewIfNeeded();
    const before = await anchor.boundingBox();
    await say("New while you read old ones");
    await anna.page.getByRole("button", { name: /To the newest message, 1 new message/ }).waitFor();
    assert.deepEqual(await anchor.boundingBox(), before);
    await anna.screenshot("20-reading-old-messages");
    await anna.page.getByRole("button", { name: /To the newest message/ }).click();
    await anna.sees("New while you read old ones");
    assert(await atEnd());
  });

  test("what was missed during a long absence is filled in without a hole", async () => {
    const comeBack = await cutOff(anna.page);
    for (let number = 1; number <= 70; number++) await say(`Missed number ${number}.`);
    comeBack();
    await anna.sees("Missed number 70.", 30_000);
    await anna.sees("Missed number 1.", 30_000);
    const seqs = await anna.page.locator(".message").evaluateAll((messages) => {
      return messages.map((message) => Number((message as HTMLElement).dataset.seq));
    });
    assert.equal(seqs.at(-1), total + 71);
    assert.deepEqual(seqs, contiguousFrom(seqs[0] ?? 0, seqs.length));
  });
});

function contiguousFrom(first: number, length: number): number[] {
  return Array.from({ length }, (_, index) => first + index);
}

/** Cuts the live queries of a page until the returned function is called; the conversation stays open meanwhile. */
async function cutOff(page: Page): Promise<() => void> {
  let away = false;
  const open = new Set<WebSocketRoute>();
  await page.routeWebSocket("**/v1/graphql", (socket) => {
    if (away) return void socket.close({ code: 4499 });
    socket.connectToServer();
    open.add(socket);
  });
  await page.reload();
  await page.getByText(`Message number ${total}.`).last().waitFor();
  away = true;
  for (const socket of open) await socket.close({ code: 4499 });
  return () => {
    away = false;
  };
}
