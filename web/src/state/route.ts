/** Which chat is open: the address of the page says it, so that reload and the back button work. */

import { type ReadonlySignal, signal } from "@preact/signals";

const current = signal(readHash());

addEventListener("hashchange", () => {
  current.value = readHash();
});

/** The id of the open chat, or null. */
export const openChatId: ReadonlySignal<number | null> = current;

/** Opens a chat. */
export function openChat(chatId: number): void {
  location.hash = `#/chats/${chatId}`;
}

/** Closes the open chat. */
export function closeChat(): void {
  location.hash = "#/";
}

function readHash(): number | null {
  const match = /^#\/chats\/(\d{1,15})$/.exec(location.hash);
  return match === null ? null : Number(match[1]);
}
