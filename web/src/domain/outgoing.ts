/** Messages that were written but are not acknowledged yet. Pure; where they are kept is `state/outbox`. */

import type { Message } from "./model";

/** A picture that waits to be uploaded, or was uploaded but whose message is not acknowledged. */
export interface OutgoingPhoto {
  /** Chosen here, so that an upload that is repeated makes no second file. */
  readonly fileId: string;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly uploaded: boolean;
}

/** `queued`: waits for its turn or for the connection. `failed`: refused; only the person can decide to try again. */
export type OutgoingState = "queued" | "sending" | "failed";

export interface Outgoing {
  /** Stays the same however often the message is sent: the server keeps one. */
  readonly clientId: string;
  readonly chatId: number;
  readonly text: string;
  readonly photo: OutgoingPhoto | null;
  readonly createdAt: number;
  readonly state: OutgoingState;
}

type Outbox = readonly Outgoing[];

/** The outbox with some fields of one message changed. */
export function changed(outbox: Outbox, clientId: string, change: Partial<Outgoing>): Outbox {
  return outbox.map((item) => (item.clientId === clientId ? { ...item, ...change } : item));
}

/** The outbox without one message. */
export function without(outbox: Outbox, clientId: string): Outbox {
  return outbox.filter((item) => item.clientId !== clientId);
}

/** What this window has of its own, and what another window of the same person has just stored. */
export function joined(here: Outbox, stored: Outbox, ownIds: ReadonlySet<string>): Outbox {
  const own = here.filter((item) => ownIds.has(item.clientId));
  const others = stored.filter((item) => !ownIds.has(item.clientId));
  return [...own, ...others].sort((a, b) => a.createdAt - b.createdAt);
}

/** The message to send next in a chat: in the order they were written, refused ones left out. */
export function nextToSend(outbox: Outbox, chatId: number): Outgoing | undefined {
  return outbox.find((item) => item.chatId === chatId && item.state !== "failed");
}

/** What is still unsent in a chat, given what the server shows: its own copy of a message replaces ours. */
export function unsentIn(outbox: Outbox, chatId: number, known: readonly Message[]): Outgoing[] {
  const arrived = new Set(known.map((message) => message.clientId));
  return outbox.filter((item) => item.chatId === chatId && !arrived.has(item.clientId));
}

/** Reads what an earlier visit kept. What was being sent then waits again; what cannot be read is left out. */
export function restore(stored: string | null): Outgoing[] {
  if (stored === null) return [];
  try {
    const list: unknown = JSON.parse(stored);
    return Array.isArray(list) ? list.flatMap(restoreOne) : [];
  } catch {
    return [];
  }
}

function restoreOne(item: Partial<Outgoing> | null): Outgoing[] {
  if (typeof item?.clientId !== "string" || typeof item.chatId !== "number") return [];
  if (typeof item.text !== "string") return [];
  return [
    {
      clientId: item.clientId,
      chatId: item.chatId,
      text: item.text,
      photo: item.photo ?? null,
      createdAt: item.createdAt ?? 0,
      state: item.state === "failed" ? "failed" : "queued",
    },
  ];
}
