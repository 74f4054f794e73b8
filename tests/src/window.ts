/** A real Chromium window with a profile of its own, used the way a person uses it. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { password } from "./http.js";

/** Where Debian and others put it. */
const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath =
  process.env.BRAIN_CHROMIUM ?? browsers.find((path) => existsSync(path)) ?? "chromium";
const artifacts = resolve("artifacts");
const asRoot = process.getuid?.() === 0;

const flags = [
  ...(asRoot ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const photo = resolve("fixtures/photo.jpg");

export class ChatWindow {
  readonly page: Page;
  readonly context: BrowserContext;
  private readonly profile: string;
  private readonly address: string;
  private readonly errors: string[] = [];

  private constructor(context: BrowserContext, page: Page, profile: string, address: string) {
    this.context = context;
    this.page = page;
    this.profile = profile;
    this.address = address;
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Opens the client. */
  static async open(address: string, colorScheme: "light" | "dark" = "light"): Promise<ChatWindow> {
    const profile = await mkdtemp(join(tmpdir(), "brain-window-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      args: flags,
      headless: true,
      viewport: { width: 1280, height: 800 },
      locale: "en-GB",
      colorScheme,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    const opened = new ChatWindow(context, page, profile, address);
    await page.goto(address);
    return opened;
  }

  /** Closes the window; the page must not have thrown anything on the way. */
  async close(): Promise<void> {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
    assert.deepEqual(this.errors, [], "the page threw errors");
  }

  async signUp(name: string, email: string): Promise<void> {
    await this.page.getByRole("button", { name: "Create account" }).click();
    await this.page.getByLabel("Your name").fill(name);
    await this.fillCredentials(email, password);
    await this.page.getByRole("button", { name: "Create account" }).click();
    await this.search.waitFor();
  }

  async fillCredentials(email: string, secret: string): Promise<void> {
    await this.page.getByLabel("E-mail").fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(secret);
  }

  async signIn(email: string, secret: string): Promise<void> {
    await this.fillCredentials(email, secret);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Signs out. */
  async signOut(): Promise<void> {
    await this.page.getByRole("button", { name: "Sign out" }).click();
    await this.page.getByRole("heading", { name: "Welcome back" }).waitFor();
  }

  /** Finds somebody by a part of the name and opens the chat with them. */
  async writeTo(typed: string, name: string): Promise<void> {
    await this.search.fill(typed);
    await this.page.getByRole("button", { name: `Write to ${name}` }).click();
    await this.page.getByRole("textbox", { name: `Message to ${name}` }).waitFor();
  }

  /** Opens a chat of the list. */
  async openChat(name: string): Promise<void> {
    await this.chatRow(name).click();
    await this.page.getByRole("textbox", { name: `Message to ${name}` }).waitFor();
  }

  async write(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  async attach(file: string): Promise<void> {
    await this.page.locator("input[type=file]").setInputFiles(file);
    await this.page.getByRole("img", { name: "Photo to send" }).waitFor();
  }

  /** Drags a file over the conversation and drops it there. */
  async drop(path: string): Promise<void> {
    const content = (await readFile(path)).toString("base64");
    const transfer = await this.page.evaluateHandle(
      ([base64, name]) => {
        const bytes = Uint8Array.from(atob(base64 ?? ""), (character) => character.charCodeAt(0));
        const dragged = new DataTransfer();
        dragged.items.add(new File([bytes], name ?? ""));
        return dragged;
      },
      [content, basename(path)],
    );
    const target = this.page.locator(".messages");
    await target.dispatchEvent("dragover", { dataTransfer: transfer });
    await this.page.getByText("Drop the photo to attach it").waitFor();
    await target.dispatchEvent("drop", { dataTransfer: transfer });
  }

  /** Waits until a message is there, and only once. */
  async sees(text: string, within = 10_000): Promise<void> {
    await this.message(text).first().waitFor({ timeout: within });
    assert.equal(await this.message(text).count(), 1, `"${text}" is there more than once`);
  }

  /** Notes in the page when a text appears; the result is the time it did. */
  async timeOfAppearance(text: string): Promise<() => Promise<number>> {
    const seen = await this.page.evaluateHandle((wanted) => {
      return {
        at: new Promise<number>((resolve) => {
          const observer = new MutationObserver(() => {
            if (!document.querySelector(".messages")?.textContent?.includes(wanted)) return;
            observer.disconnect();
            requestAnimationFrame(() => resolve(Date.now()));
          });
          observer.observe(document.body, { childList: true, subtree: true, characterData: true });
        }),
      };
    }, text);
    return () => seen.evaluate(({ at }) => at);
  }

  /** Presses Enter; the result is the moment the page got the key. */
  async pressEnter(): Promise<number> {
    const pressed = await this.page.evaluateHandle(() => ({
      at: new Promise<number>((resolve) => {
        addEventListener("keydown", () => resolve(Date.now()), { capture: true, once: true });
      }),
    }));
    await this.composer.press("Enter");
    return pressed.evaluate(({ at }) => at);
  }

  /** The width in pixels of the photo that a message shows; waits until it is decoded. */
  async photoWidth(index = 0): Promise<number> {
    const image = this.page.locator(".message .photo img").nth(index);
    await image.waitFor();
    return image.evaluate(async (element: HTMLImageElement) => {
      await element.decode();
      return element.naturalWidth;
    });
  }

  /** Answers requests that carry this operation in another way. */
  async intercept(
    operation: string,
    answer: Parameters<BrowserContext["route"]>[1],
  ): Promise<() => Promise<void>> {
    const url = "**/v1/graphql";
    await this.page.route(url, (route, request) =>
      request.postData()?.includes(operation) ? answer(route, request) : route.continue(),
    );
    return () => this.page.unroute(url);
  }

  async screenshot(name: string): Promise<void> {
    await mkdir(artifacts, { recursive: true });
    await this.page.screenshot({ path: join(artifacts, `${name}.png`), animations: "disabled" });
  }

  /** What axe finds wrong with the page as it stands, by its serious rules (WCAG 2.1 A and AA). */
  async accessibilityProblems(): Promise<string[]> {
    const source = await readFile(createRequire(import.meta.url).resolve("axe-core"), "utf8");
    await this.page.evaluate(source);
    return this.page.evaluate(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: axe comes into the page as text.
      const axe = (globalThis as any).axe;
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];
      const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
      // biome-ignore lint/suspicious/noExplicitAny: the same.
      return violations.map((found: any) => {
        // biome-ignore lint/suspicious/noExplicitAny: the same.
        const where = found.nodes.map((node: any) => `${node.html} ${node.failureSummary}`);
        return `${found.id}: ${found.help}\n${where.join("\n")}`;
      });
    });
  }

  async reload(): Promise<void> {
    await this.page.goto(this.address + new URL(this.page.url()).hash);
    await this.page.reload();
  }

  message(text: string): Locator {
    return this.page.locator(".message", { hasText: text });
  }

  chatRow(name: string): Locator {
    return this.page.getByRole("navigation").getByRole("button", { name });
  }

  get search(): Locator {
    return this.page.getByRole("searchbox");
  }

  get composer(): Locator {
    return this.page.locator("form textarea");
  }
}
