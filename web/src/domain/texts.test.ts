import { expect, test } from "vitest";
import { hueCount, hueOf, initials } from "./avatar";
import { backoff } from "./backoff";
import { clock, dayLabel, shortMoment } from "./calendar";
import { signInErrors, signUpErrors } from "./credentials";
import { bubbleWidthFor, frameFor } from "./frame";
import { newId } from "./identifier";
import { splitLinks } from "./links";

test.each([
  ["Anna Petrova", "AP"],
  ["anna", "A"],
  ["Анна Сергеевна Иванова", "АИ"],
  ["jean-luc picard", "JP"],
  ["  O'Brien  ", "O"],
  ["👩‍🚀 Zoë", "👩‍🚀Z"],
  ["", "?"],
  ["…", "?"],
])("initials of %j are %j", (name, expected) => {
  expect(initials(name)).toBe(expected);
});

test("everybody has one of the colours, always the same", () => {
  const hues = new Set(Array.from({ length: 200 }, (_, index) => hueOf(`person-${index}`)));
  expect(hues.size).toBe(hueCount);
  expect(hueOf("a")).toBe(hueOf("a"));
});

const at = (day: number, hour: number) => new Date(2026, 2, day, hour, 5).getTime();
const names = { today: "Today", yesterday: "Yesterday" };

test("days are named from near to far", () => {
  const now = at(20, 8);
  expect(dayLabel(at(20, 1), now, "en-GB", names)).toBe("Today");
  expect(dayLabel(at(19, 23), now, "en-GB", names)).toBe("Yesterday");
  expect(dayLabel(at(1, 9), now, "en-GB", names)).toBe("1 March");
  expect(dayLabel(new Date(2024, 11, 31).getTime(), now, "en-GB", names)).toBe("31 December 2024");
});

test("moments in the list are as short as they can be", () => {
  const now = at(20, 18);
  expect(shortMoment(at(20, 9), now, "en-GB")).toBe(clock(at(20, 9), "en-GB"));
  expect(shortMoment(at(18, 9), now, "en-GB")).toBe("Wed");
  expect(shortMoment(at(1, 9), now, "en-GB")).toBe("01/03/26");
});

test("a photo keeps its proportions within its bounds", () => {
  expect(frameFor({ width: 3400, height: 1700 })).toEqual({ width: 340, height: 170 });
  expect(frameFor({ width: 1000, height: 2100 })).toEqual({ width: 200, height: 420 });
  expect(frameFor({ width: 10, height: 10 })).toEqual({ width: 120, height: 120 });
  expect(frameFor({})).toEqual({ width: 300, height: 225 });
  expect(bubbleWidthFor({ width: 120, height: 420 })).toBe(220);
});

test("addresses in a text are links, the sentence's own marks are not", () => {
  expect(splitLinks("See https://example.org/a?b=1. Or not")).toEqual([
    { text: "See " },
    { text: "https://example.org/a?b=1", href: "https://example.org/a?b=1" },
    { text: ". Or not" },
  ]);
  expect(splitLinks("javascript:alert(1) and http:// alone")).toEqual([
    { text: "javascript:alert(1) and http:// alone" },
  ]);
});

test("identifiers are UUIDs on origins that are not secure, too", () => {
  const insecure = { getRandomValues: crypto.getRandomValues.bind(crypto) };
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(newId(insecure)).toMatch(pattern);
  expect(newId()).toMatch(pattern);
  expect(newId(insecure)).not.toBe(newId(insecure));
});

test("waits grow, to a limit, and differ", () => {
  expect(backoff(0, () => 0)).toBe(250);
  expect(backoff(3, () => 1)).toBe(4000);
  expect(backoff(50, () => 1)).toBe(20_000);
});

test("forms are checked before they are sent", () => {
  const good = { name: "Anna O'Neil", email: "anna@example.org", password: "secret" };
  expect(signUpErrors(good)).toEqual({});
  expect(signUpErrors({ ...good, name: "" })).toEqual({ name: "nameMissing" });
  expect(signUpErrors({ ...good, name: "x".repeat(33) })).toEqual({ name: "nameTooLong" });
  expect(signUpErrors({ ...good, name: "<b>" })).toEqual({});
  expect(signUpErrors({ ...good, name: "a/b" })).toEqual({ name: "nameInvalid" });
  expect(signInErrors({ name: "", email: "anna", password: "" })).toEqual({
    email: "emailInvalid",
    password: "passwordMissing",
  });
});
