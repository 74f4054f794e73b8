/**
 * The known part of one chat's messages, kept as pages arrive: the live page with the newest messages,
 * older pages, and pages that fill a hole. A hole is known as such and never drawn as continuous.
 */

import type { Message } from "./model";

/** A run of numbers that is missing between two known messages; both ends are known. */
export interface Hole {
  readonly after: number;
  readonly before: number;
}

export interface History {
  /** By `seq`, ascending. */
  readonly messages: readonly Message[];
  readonly holes: readonly Hole[];
  /** Whether there is nothing older than the first message. */
  readonly complete: boolean;
}

export const emptyHistory: History = { messages: [], holes: [], complete: false };

/** Takes in the newest messages, at most `limit` of them. */
export function withLivePage(history: History, page: readonly Message[], limit: number): History {
  const newestKnown = history.messages.at(-1)?.seq;
  const messages = merge(history.messages, page);
  const first = page.length > 0 ? Math.min(...page.map((message) => message.seq)) : 0;
  const holes =
    newestKnown !== undefined && first > newestKnown + 1
      ? [...history.holes, { after: newestKnown, before: first }]
      : history.holes;
  const complete = history.complete || (newestKnown === undefined && page.length < limit);
  return { messages, holes, complete };
}

/** Takes in a page that was asked for as "older than the first message", at most `limit` messages. */
export function withOlderPage(history: History, page: readonly Message[], limit: number): History {
  return {
    ...history,
    messages: merge(history.messages, page),
    complete: page.length < limit,
  };
}

/** Takes in a page that was asked for as "the newest before the end of this hole", at most `limit` messages. */
export function withHolePage(
  history: History,
  hole: Hole,
  page: readonly Message[],
  limit: number,
): History {
  const first = Math.min(...page.map((message) => message.seq));
  const rest = page.length < limit || first <= hole.after + 1 ? [] : [{ ...hole, before: first }];
  return {
    ...history,
    messages: merge(history.messages, page),
    holes: [...history.holes.filter((other) => other.after !== hole.after), ...rest],
  };
}

/** Takes in one message that the server has just acknowledged. It is left to the live page when it does not join on. */
export function withMessage(history: History, message: Message): History {
  const newest = history.messages.at(-1)?.seq ?? 0;
  return message.seq > newest + 1
    ? history
    : { ...history, messages: merge(history.messages, [message]) };
}

/** Both lists as one, by `seq`; what came later replaces what was known. */
function merge(known: readonly Message[], page: readonly Message[]): Message[] {
  const bySeq = new Map(known.map((message) => [message.seq, message]));
  for (const message of page) bySeq.set(message.seq, message);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
