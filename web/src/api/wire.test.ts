import { expect, test } from "vitest";
import { chatSeenBy, integer, message } from "./wire";

const messageRow = {
  id: 7,
  chatId: 1,
  seq: 3,
  senderId: "anna",
  clientId: null,
  content: "hello",
  fileId: null,
  fileUrl: null,
  createdAt: "2026-01-15T12:00:00.123456+00:00",
  editedAt: null,
  deletedAt: null,
  file: null,
};

test("a message is read", () => {
  expect(message(messageRow)).toEqual({
    id: 7,
    chatId: 1,
    seq: 3,
    senderId: "anna",
    clientId: null,
    text: "hello",
    photo: null,
    link: null,
    createdAt: Date.UTC(2026, 0, 15, 12, 0, 0, 123),
    edited: false,
    deleted: false,
  });
});

test("a photo has a size where its sender noted one", () => {
  const photo = (metadata: unknown) =>
    message({ ...messageRow, fileId: "file", fileUrl: "/v1/files/file", file: { metadata } }).photo;
  expect(photo({ width: 40, height: 30 })).toEqual({ fileId: "file", width: 40, height: 30 });
  expect(photo({ width: "40" })).toEqual({ fileId: "file" });
  expect(photo(null)).toEqual({ fileId: "file" });
});

test("a file kept elsewhere is a link", () => {
  const elsewhere = message({ ...messageRow, fileUrl: "https://example.org/file" });
  expect(elsewhere.link).toBe("https://example.org/file");
  expect(elsewhere.photo).toBeNull();
});

test("whole numbers come as numbers or as digits", () => {
  expect(integer(12)).toBe(12);
  expect(integer("9007199254740991")).toBe(9_007_199_254_740_991);
  for (const wrong of [1.5, "x", null, undefined, "9007199254740993", {}]) {
    expect(() => integer(wrong)).toThrow();
  }
});

test("a chat is seen with one's own eyes", () => {
  const row = {
    id: 1,
    type: "direct",
    name: null,
    lastSeq: 3,
    lastMessageAt: null,
    createdAt: "2026-01-15T12:00:00Z",
    members: [
      { userId: "me", lastReadSeq: 1, person: { id: "me", displayName: "Me" } },
      { userId: "anna", lastReadSeq: 3, person: { id: "anna", displayName: "Anna" } },
      { userId: "gone", lastReadSeq: 2, person: null },
    ],
    messages: [messageRow],
  };
  const chat = chatSeenBy("me")(row);
  expect(chat.readSeq).toBe(1);
  expect(chat.readByOthersSeq).toBe(3);
  expect(chat.others).toEqual([
    { id: "anna", name: "Anna" },
    { id: "gone", name: "" },
  ]);
  expect(chat.lastMessage?.seq).toBe(3);
  expect(chat.lastActivityAt).toBe(Date.UTC(2026, 0, 15, 12));
});

test("what has another shape is refused", () => {
  expect(() => message({ ...messageRow, seq: "three" })).toThrow();
  expect(() => message({ ...messageRow, createdAt: "yesterday" })).toThrow();
  expect(() => message(null)).toThrow();
  expect(() => chatSeenBy("me")({ id: 1 })).toThrow();
});
