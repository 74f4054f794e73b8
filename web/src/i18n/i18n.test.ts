import { expect, test } from "vitest";
import { chooseLanguage } from "./catalogues";
import { en } from "./en";
import { ru } from "./ru";

test.each([
  [["ru-RU", "en"], "ru"],
  [["de-DE", "ru", "en"], "ru"],
  [["en-GB"], "en"],
  [["de"], "en"],
  [["constructor"], "en"],
  [[], "en"],
])("of %j the language is %s", (preferred, expected) => {
  expect(chooseLanguage(preferred)).toBe(expected);
});

test("English counts one and many", () => {
  expect([0, 1, 2].map(en.chats.unread)).toEqual([
    "0 unread messages",
    "1 unread message",
    "2 unread messages",
  ]);
});

test("Russian counts one, few and many", () => {
  expect([1, 3, 5, 11, 21, 104].map(ru.conversation.newMessages)).toEqual([
    "1 новое сообщение",
    "3 новых сообщения",
    "5 новых сообщений",
    "11 новых сообщений",
    "21 новое сообщение",
    "104 новых сообщения",
  ]);
});
