import { expect, test } from "vitest";
import { changed, joined, nextToSend, restore, unsentIn, without } from "./outgoing";
import { aMessage, anOutgoing } from "./samples";

const ids = (outbox: readonly { clientId: string }[]) => outbox.map((item) => item.clientId);

test("messages are sent in the order they were written, refused ones left out", () => {
  const outbox = [
    anOutgoing({ clientId: "a", state: "failed" }),
    anOutgoing({ clientId: "b", chatId: 2 }),
    anOutgoing({ clientId: "c" }),
    anOutgoing({ clientId: "d" }),
  ];
  expect(nextToSend(outbox, 1)?.clientId).toBe("c");
  expect(nextToSend(without(outbox, "c"), 1)?.clientId).toBe("d");
  expect(nextToSend(changed(outbox, "a", { state: "queued" }), 1)?.clientId).toBe("a");
});

test("what the server shows is no longer unsent", () => {
  const outbox = [anOutgoing({ clientId: "a" }), anOutgoing({ clientId: "b" })];
  expect(ids(unsentIn(outbox, 1, [aMessage({ clientId: "a" })]))).toEqual(["b"]);
});

test("after a reload what was being sent waits again, and refused stays refused", () => {
  const stored = [
    anOutgoing({ clientId: "a", state: "sending" }),
    anOutgoing({ clientId: "b", state: "failed" }),
  ];
  const restored = restore(JSON.stringify(stored));
  expect(ids(restored)).toEqual(["a", "b"]);
  expect(restored.map((item) => item.state)).toEqual(["queued", "failed"]);
});

test.each([null, "", "{", "7", '[null,{},{"clientId":1}]'])(
  "nothing readable is nothing: %s",
  (text) => {
    expect(restore(text)).toEqual([]);
  },
);

test("another window cannot drop what was written here, and can drop its own", () => {
  const here = [
    anOutgoing({ clientId: "own", createdAt: 2 }),
    anOutgoing({ clientId: "theirs, sent by now", createdAt: 1 }),
  ];
  const stored = [anOutgoing({ clientId: "theirs, new", createdAt: 3 })];
  expect(ids(joined(here, stored, new Set(["own"])))).toEqual(["own", "theirs, new"]);
});
