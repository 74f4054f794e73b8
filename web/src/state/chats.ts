/** The list of chats, live. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { myChats } from "../api/documents";
import { watch } from "../api/live";
import { type Chat, unreadCount } from "../domain/model";
import { announceNews } from "./announcements";
import { openChatId } from "./route";

/** As many chats as the list shows. */
const limit = 300;

const current = signal<readonly Chat[] | null>(null);

/** The chats of this person, the liveliest first; null until they are known. */
export const chats: ReadonlySignal<readonly Chat[] | null> = current;

/** The chat that is open; null when none is, or it is not known (yet). */
export const openedChat: ReadonlySignal<Chat | null> = computed(
  () => current.value?.find((chat) => chat.id === openChatId.value) ?? null,
);

/** Unread messages in all chats. */
export const unreadInAll: ReadonlySignal<number> = computed(() =>
  (current.value ?? []).reduce((sum, chat) => sum + unreadCount(chat), 0),
);

/** Follows the list until the returned function is called. */
export function followChats(userId: string): () => void {
  const stop = watch(myChats(userId), { limit }, (list) => {
    announceNews(userId, current.value, list);
    current.value = list;
  });
  return () => {
    stop();
    current.value = null;
  };
}
