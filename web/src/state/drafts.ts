/** What is written but not sent, a draft for each chat, for as long as the page lives. */

import { type Signal, signal } from "@preact/signals";
import type { Picture } from "../device/picture";

export interface Draft {
  readonly text: Signal<string>;
  readonly picture: Signal<Picture | null>;
}

const drafts = new Map<number, Draft>();

/** The draft of a chat. */
export function draftOf(chatId: number): Draft {
  const known = drafts.get(chatId);
  if (known !== undefined) return known;
  const draft: Draft = { text: signal(""), picture: signal(null) };
  drafts.set(chatId, draft);
  return draft;
}

/** Forgets all drafts. */
export function forgetDrafts(): void {
  drafts.clear();
}
