/** Keeps unsent messages over a reload, a person's apart from another's on the same device. */

import { type Outgoing, restore } from "../domain/outgoing";

const prefix = "brainmessenger.outbox.";

/** What a person has not sent yet. */
export function loadOutbox(userId: string): Outgoing[] {
  return restore(localStorage.getItem(prefix + userId));
}

/** Keeps what a person has not sent yet. A device that refuses to store loses it at the next reload, not now. */
export function saveOutbox(userId: string, outbox: readonly Outgoing[]): void {
  try {
    if (outbox.length === 0) localStorage.removeItem(prefix + userId);
    else localStorage.setItem(prefix + userId, JSON.stringify(outbox));
  } catch {
    // Storage is full or forbidden; the messages are still in memory.
  }
}

/** Whether a storage event is about this person's outbox, changed in another window. */
export function isOutboxOf(userId: string, event: StorageEvent): boolean {
  return event.key === prefix + userId;
}
