/** The messages of the open chat: the newest ones live, older ones as they are asked for. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { messagesBetween, newestMessages } from "../api/documents";
import { request } from "../api/graphql";
import { watch } from "../api/live";
import { backoff } from "../domain/backoff";
import {
  emptyHistory,
  type History,
  withHolePage,
  withLivePage,
  withMessage,
  withOlderPage,
} from "../domain/history";
import type { Message } from "../domain/model";
import { openChatId } from "./route";

const livePage = 50;
const olderPage = 50;

/** Chats visited last open at once; the oldest are forgotten. */
const keptChats = 20;

const kept = new Map<number, History>();
const filling = new Set<number>();
const current = signal<History | null>(null);
const fetchingOlder = signal(false);

/** The open chat's messages; null until they are known. */
export const history: ReadonlySignal<History | null> = current;

/** Whether older messages are on their way. */
export const loadingOlder: ReadonlySignal<boolean> = fetchingOlder;

/** Follows whichever chat is open until the returned function is called. */
export function followConversation(): () => void {
  const stop = effect(() => {
    const chatId = openChatId.value;
    return chatId === null ? undefined : followOne(chatId);
  });
  return () => {
    stop();
    kept.clear();
  };
}

/** Loads the page before the oldest known message, if there is one. */
export async function loadOlder(): Promise<void> {
  const chatId = openChatId.peek();
  const first = current.peek()?.messages[0];
  if (chatId === null || first === undefined) return;
  if (fetchingOlder.peek() || current.peek()?.complete) return;
  fetchingOlder.value = true;
  try {
    const page = await between(chatId, 0, first.seq, olderPage);
    update(chatId, (known) => withOlderPage(known, page, olderPage));
  } catch {
    // Scrolling asks again.
  } finally {
    fetchingOlder.value = false;
  }
}

/** Takes in a message that the server has acknowledged, without waiting for it to come back live. */
export function accept(message: Message): void {
  if (kept.has(message.chatId)) update(message.chatId, (known) => withMessage(known, message));
}

function followOne(chatId: number): () => void {
  current.value = kept.get(chatId) ?? null;
  const stop = watch(newestMessages, { chatId, limit: livePage }, (page) => {
    update(chatId, (known) => withLivePage(known, page, livePage));
    void fillHoles(chatId);
  });
  return () => {
    stop();
    current.value = null;
  };
}

/** Fetches what was missed while the connection was away, newest first, for as long as the chat is open. */
async function fillHoles(chatId: number): Promise<void> {
  if (filling.has(chatId)) return;
  filling.add(chatId);
  let tries = 0;
  for (;;) {
    const hole = kept.get(chatId)?.holes.at(-1);
    if (hole === undefined || openChatId.peek() !== chatId) break;
    try {
      const page = await between(chatId, hole.after, hole.before, olderPage);
      update(chatId, (known) => withHolePage(known, hole, page, olderPage));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, backoff(tries++)));
    }
  }
  filling.delete(chatId);
}

function between(chatId: number, after: number, before: number, limit: number) {
  return request(messagesBetween, { chatId, after, before, limit });
}

function update(chatId: number, change: (known: History) => History): void {
  const next = change(kept.get(chatId) ?? emptyHistory);
  kept.delete(chatId);
  kept.set(chatId, next);
  for (const oldest of kept.keys()) {
    if (kept.size <= keptChats) break;
    kept.delete(oldest);
  }
  if (openChatId.peek() === chatId) current.value = next;
}
