import { expect, test } from "vitest";
import { emptyHistory, withHolePage, withLivePage, withMessage, withOlderPage } from "./history";
import type { Message } from "./model";
import { aMessage } from "./samples";

const seqs = (messages: readonly Message[]) => messages.map((message) => message.seq);
const page = (...numbers: number[]) => numbers.map((seq) => aMessage({ seq }));

test("a first live page that is not full is the whole chat", () => {
  const history = withLivePage(emptyHistory, page(2, 1), 3);
  expect(seqs(history.messages)).toEqual([1, 2]);
  expect(history.complete).toBe(true);
});

test("a full live page leaves older messages to ask for", () => {
  const live = withLivePage(emptyHistory, page(9, 8, 7), 3);
  expect(live.complete).toBe(false);
  const older = withOlderPage(live, page(6, 5, 4), 3);
  expect(seqs(older.messages)).toEqual([4, 5, 6, 7, 8, 9]);
  expect(older.complete).toBe(false);
  expect(withOlderPage(older, page(3, 2), 3).complete).toBe(true);
});

test("messages that leave the live page stay", () => {
  const before = withLivePage(emptyHistory, page(3, 2, 1), 3);
  const after = withLivePage(before, page(4, 3, 2), 3);
  expect(seqs(after.messages)).toEqual([1, 2, 3, 4]);
  expect(after.holes).toEqual([]);
});

test("a changed message replaces the known one", () => {
  const before = withLivePage(emptyHistory, page(1), 3);
  const after = withLivePage(before, [aMessage({ seq: 1, text: "edited" })], 3);
  expect(after.messages.map((message) => message.text)).toEqual(["edited"]);
});

test("what was missed while away is a hole, filled from its newer end", () => {
  const before = withLivePage(emptyHistory, page(3, 2, 1), 3);
  const away = withLivePage(before, page(12, 11, 10), 3);
  expect(away.holes).toEqual([{ after: 3, before: 10 }]);

  const [hole] = away.holes;
  if (hole === undefined) throw new Error("no hole");
  const partly = withHolePage(away, hole, page(9, 8, 7), 3);
  expect(partly.holes).toEqual([{ after: 3, before: 7 }]);

  const [rest] = partly.holes;
  if (rest === undefined) throw new Error("no rest");
  const filled = withHolePage(partly, rest, page(6, 5, 4), 3);
  expect(filled.holes).toEqual([]);
  expect(seqs(filled.messages)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test("a hole in which nothing may be seen closes", () => {
  const away = withLivePage(withLivePage(emptyHistory, page(1), 3), page(9, 8, 7), 3);
  const [hole] = away.holes;
  if (hole === undefined) throw new Error("no hole");
  expect(withHolePage(away, hole, [], 3).holes).toEqual([]);
});

test("an acknowledged message joins on, but never across a gap", () => {
  const known = withLivePage(emptyHistory, page(2, 1), 3);
  expect(seqs(withMessage(known, aMessage({ seq: 3 })).messages)).toEqual([1, 2, 3]);
  expect(seqs(withMessage(known, aMessage({ seq: 5 })).messages)).toEqual([1, 2]);
});
