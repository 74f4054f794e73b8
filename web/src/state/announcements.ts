/** What a screen reader is told when messages arrive: one message with its text, a burst as a number. */

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Chat } from "../domain/model";
import { t } from "../i18n";
import { senderName } from "../i18n/names";

/** Messages that arrive within this time are told together. */
const burst = 800;

const current = signal("");
let pending: { from: string; text: string }[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** The latest announcement. */
export const announcement: ReadonlySignal<string> = current;

/** Compares two states of the list of chats and announces what others have written in between. */
export function announceNews(
  userId: string,
  before: readonly Chat[] | null,
  after: readonly Chat[],
): void {
  if (before === null) return;
  const seen = new Map(before.map((chat) => [chat.id, chat.lastSeq]));
  for (const chat of after) {
    const message = chat.lastMessage;
    const isNews = message !== null && message.seq > (seen.get(chat.id) ?? 0);
    if (isNews && message.senderId !== userId) {
      announce(senderName(chat, message.senderId), message.text || t.chats.photo);
    }
  }
}

function announce(from: string, text: string): void {
  pending.push({ from, text });
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    const [only] = pending;
    current.value =
      only !== undefined && pending.length === 1
        ? t.conversation.announceOne(only.from, only.text)
        : t.conversation.newMessages(pending.length);
    pending = [];
    timer = undefined;
  }, burst);
}
