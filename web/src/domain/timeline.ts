/** What the conversation shows, from top to bottom: days, messages, holes, and what is not sent yet. Pure. */

import type { History } from "./history";
import type { Message } from "./model";
import { type Outgoing, unsentIn } from "./outgoing";

/** Whether a message begins or ends a run of one sender's messages that stand close together. */
export interface Grouping {
  readonly first: boolean;
  readonly last: boolean;
}

export type TimelineItem =
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "hole"; readonly key: string }
  | ({ readonly kind: "message"; readonly key: string; readonly message: Message } & Grouping)
  | ({ readonly kind: "outgoing"; readonly key: string; readonly outgoing: Outgoing } & Grouping);

/** Messages of one sender stand together while less than this lies between them. */
const runBreak = 5 * 60_000;

/** Lays out a chat. Keys are stable: a message keeps its key when the server's copy replaces the local one. */
export function layOut(
  history: History,
  outbox: readonly Outgoing[],
  chatId: number,
  userId: string,
): TimelineItem[] {
  const entries = [
    ...history.messages.map(fromMessage),
    ...unsentIn(outbox, chatId, history.messages).map((item) => fromOutgoing(item, userId)),
  ];
  const holesAfter = new Set(history.holes.map((hole) => hole.after));
  const items: TimelineItem[] = [];
  entries.forEach((entry, index) => {
    const previous = entries[index - 1];
    const afterHole = previous?.seq !== undefined && holesAfter.has(previous.seq);
    if (afterHole) items.push({ kind: "hole", key: `hole-${previous.seq}` });
    if (previous === undefined || !sameDay(previous.at, entry.at)) {
      items.push({ kind: "day", key: `day-${dayOf(entry.at)}`, at: entry.at });
    }
    const next = entries[index + 1];
    items.push({
      ...entry.item,
      first: previous === undefined || afterHole || !sameRun(previous, entry),
      last: next === undefined || !sameRun(entry, next),
    });
  });
  return items;
}

interface Entry {
  readonly at: number;
  readonly senderId: string | null;
  readonly seq?: number;
  readonly item:
    | { kind: "message"; key: string; message: Message }
    | { kind: "outgoing"; key: string; outgoing: Outgoing };
}

function fromMessage(message: Message): Entry {
  const key = message.clientId ?? `seq-${message.seq}`;
  return {
    at: message.createdAt,
    senderId: message.senderId,
    seq: message.seq,
    item: { kind: "message", key: `${message.senderId}/${key}`, message },
  };
}

function fromOutgoing(outgoing: Outgoing, userId: string): Entry {
  const key = `${userId}/${outgoing.clientId}`;
  return { at: outgoing.createdAt, senderId: userId, item: { kind: "outgoing", key, outgoing } };
}

function sameRun(a: Entry, b: Entry): boolean {
  return a.senderId === b.senderId && b.at - a.at < runBreak && sameDay(a.at, b.at);
}

/** Whether two moments fall on one day of this device's calendar. */
export function sameDay(a: number, b: number): boolean {
  return dayOf(a) === dayOf(b);
}

function dayOf(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
