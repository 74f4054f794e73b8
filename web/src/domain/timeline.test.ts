import { expect, test } from "vitest";
import type { History } from "./history";
import { aMessage, anOutgoing } from "./samples";
import { layOut, type TimelineItem } from "./timeline";

const local = (day: number, hour: number, minute = 0) =>
  new Date(2026, 0, day, hour, minute).getTime();
const of = (...messages: History["messages"]): History => ({ messages, holes: [], complete: true });
const sketch = (items: TimelineItem[]) =>
  items.map((item) => {
    if (item.kind === "message") return item.message.seq;
    return item.kind === "outgoing" ? item.outgoing.clientId : item.kind;
  });

test("each day has a heading", () => {
  const history = of(
    aMessage({ seq: 1, createdAt: local(1, 23, 59) }),
    aMessage({ seq: 2, createdAt: local(2, 0, 1) }),
    aMessage({ seq: 3, createdAt: local(2, 9) }),
  );
  expect(sketch(layOut(history, [], 1, "me"))).toEqual(["day", 1, "day", 2, 3]);
});

test("what is not sent stands at the end, in its own chat only", () => {
  const history = of(aMessage({ seq: 1 }));
  const outbox = [anOutgoing({ clientId: "a" }), anOutgoing({ clientId: "b", chatId: 2 })];
  expect(sketch(layOut(history, outbox, 1, "me"))).toEqual(["day", 1, "a"]);
});

test("the server's copy replaces the local one under the same key", () => {
  const outbox = [anOutgoing({ clientId: "a" })];
  const before = layOut(of(), outbox, 1, "me");
  const arrived = aMessage({
    seq: 1,
    senderId: "me",
    clientId: "a",
    createdAt: outbox[0]?.createdAt ?? 0,
  });
  const after = layOut(of(arrived), outbox, 1, "me");
  expect(sketch(after)).toEqual(["day", 1]);
  expect(after.map((item) => item.key)).toEqual(before.map((item) => item.key));
});

test("a hole is drawn, never passed over", () => {
  const history: History = {
    messages: [aMessage({ seq: 1 }), aMessage({ seq: 5 })],
    holes: [{ after: 1, before: 5 }],
    complete: true,
  };
  expect(sketch(layOut(history, [], 1, "me"))).toEqual(["day", 1, "hole", 5]);
});

test("messages of one sender close together form a run", () => {
  const history = of(
    aMessage({ seq: 1, senderId: "anna", createdAt: local(1, 9, 0) }),
    aMessage({ seq: 2, senderId: "anna", createdAt: local(1, 9, 1) }),
    aMessage({ seq: 3, senderId: "me", createdAt: local(1, 9, 2) }),
    aMessage({ seq: 4, senderId: "me", createdAt: local(1, 9, 30) }),
  );
  const runs = layOut(history, [], 1, "me").flatMap((item) =>
    item.kind === "message" ? [[item.first, item.last]] : [],
  );
  expect(runs).toEqual([
    [true, false],
    [false, true],
    [true, true],
    [true, true],
  ]);
});
