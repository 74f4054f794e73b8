/** Read marks: what stands in an open chat that the person can see counts as read. */

import { effect, signal, untracked } from "@preact/signals";
import { markRead } from "../api/documents";
import { request } from "../api/graphql";
import { toProblem } from "../api/problem";
import { backoff } from "../domain/backoff";
import { openedChat } from "./chats";
import { reachable } from "./link";

const looking = signal(isLooking());
const atNewest = signal(true);
const marking = signal(false);

/** The number last marked in each chat: the list of chats takes a moment to follow. */
const asked = new Map<number, number>();
let tries = 0;

for (const event of ["focus", "blur", "visibilitychange"]) {
  addEventListener(event, () => {
    looking.value = isLooking();
  });
}

/** The conversation tells whether its end is in view. */
export function setAtNewest(inView: boolean): void {
  atNewest.value = inView;
}

/** Keeps the read mark of the open chat where the person has read to. */
export function followReading(userId: string): () => void {
  asked.clear();
  return effect(() => {
    const chat = openedChat.value;
    const canRead = looking.value && atNewest.value && reachable.value && !marking.value;
    if (chat === null || !canRead || chat.lastSeq <= chat.readSeq) return;
    if (asked.get(chat.id) === chat.lastSeq) return;
    untracked(() => void mark(userId, chat.id, chat.lastSeq));
  });
}

async function mark(userId: string, chatId: number, seq: number): Promise<void> {
  marking.value = true;
  asked.set(chatId, seq);
  try {
    await request(markRead, { chatId, userId, seq });
    tries = 0;
  } catch (error) {
    if (toProblem(error).passing) {
      await new Promise((done) => setTimeout(done, backoff(tries++)));
      asked.delete(chatId);
    }
  } finally {
    marking.value = false;
  }
}

function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}
