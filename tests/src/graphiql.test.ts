/** GraphiQL in a real browser: it asks as whoever its headers say, live too, and breaks no rule of its page. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, signUp } from "./http.js";
import { adminSecret, Server } from "./server.js";
import { ChatWindow } from "./window.js";

describe("GraphiQL", () => {
  let server: Server;
  let window: ChatWindow;
  const refusals: string[] = [];

  before(async () => {
    server = await Server.start();
    await signUp(server, "Anna Petrova");
    window = await ChatWindow.open(`${server.address}/graphiql`);
    window.page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) refusals.push(message.text());
    });
    await window.page.reload();
  });
  after(async () => {
    await window?.close();
    await server?.remove();
  });

  /** Puts text into an editor, in the place of what is there. */
  async function write(editor: string, text: string): Promise<void> {
    await window.page.locator(editor).first().click();
    await window.page.keyboard.press("ControlOrMeta+A");
    await window.page.keyboard.insertText(text);
    // The editor closes brackets and quotes by itself; the text has its own.
    await window.page.keyboard.press("ControlOrMeta+Shift+End");
    await window.page.keyboard.press("Delete");
  }

  async function run(query: string): Promise<void> {
    await write(".graphiql-query-editor .monaco-editor", query);
    await window.page.getByRole("button", { name: /^Execute query/ }).click();
  }

  const answer = () => window.page.locator(".graphiql-response .view-lines");

  test("asks as the administrator of its headers", async () => {
    const headers = JSON.stringify({ "x-hasura-admin-secret": adminSecret });
    await write(".graphiql-editor-tool .monaco-editor:visible", headers);
    await run("{ people { displayName } }");
    await answer().getByText("Anna Petrova").waitFor();
    await window.screenshot("50-graphiql");
  });

  test("shows what changes", async () => {
    await run("subscription { people_aggregate { aggregate { count } } }");
    await answer().getByText("1", { exact: true }).waitFor();
    await signUp(server, "Boris Ivanov");
    await answer().getByText("2", { exact: true }).waitFor();
    await window.page.getByRole("button", { name: /^Stop query/ }).click();
  });

  test("keeps the page's rules and no secret", async () => {
    assert.deepEqual(refusals, []);
    await window.page.reload();
    const kept = await window.page.evaluate(() => JSON.stringify(localStorage));
    assert(!kept.includes(adminSecret));
    const page = await fetch(`${server.address}/graphiql`);
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'self'/);
  });

  test("is not there where it is switched off", async () => {
    const other = await Server.start({ BRAIN_GRAPHIQL: "false" });
    try {
      for (const path of ["/graphiql", "/graphiql.html"]) {
        const { text } = await call(other, path);
        assert(!text.includes("GraphiQL"), path);
      }
    } finally {
      await other.remove();
    }
  });
});
