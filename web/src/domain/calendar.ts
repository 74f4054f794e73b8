/** Days and times as people read them. Pure: the present moment and the locale are given. */

import { sameDay } from "./timeline";

const day = 24 * 60 * 60_000;

interface DayNames {
  readonly today: string;
  readonly yesterday: string;
}

/** The heading over a day's messages. */
export function dayLabel(at: number, now: number, locale: string, names: DayNames): string {
  if (sameDay(at, now)) return names.today;
  if (sameDay(at, dayBefore(now))) return names.yesterday;
  const thisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const format: Intl.DateTimeFormatOptions = { day: "numeric", month: "long" };
  return new Date(at).toLocaleDateString(
    locale,
    thisYear ? format : { ...format, year: "numeric" },
  );
}

/** The short moment in the list of chats: a time today, a weekday this week, else a date. */
export function shortMoment(at: number, now: number, locale: string): string {
  if (sameDay(at, now)) return clock(at, locale);
  if (now - at < 6 * day) return new Date(at).toLocaleDateString(locale, { weekday: "short" });
  return new Date(at).toLocaleDateString(locale, {
    day: "numeric",
    month: "numeric",
    year: "2-digit",
  });
}

/** Hours and minutes. */
export function clock(at: number, locale: string): string {
  return new Date(at).toLocaleTimeString(locale, { hour: "numeric", minute: "2-digit" });
}

/** The whole moment, for those who want to know exactly. */
export function fullMoment(at: number, locale: string): string {
  return new Date(at).toLocaleString(locale, { dateStyle: "full", timeStyle: "short" });
}

/** A moment in the day before: not 24 hours earlier, because a day may have 23 or 25 of them. */
function dayBefore(at: number): number {
  const date = new Date(at);
  date.setDate(date.getDate() - 1);
  return date.getTime();
}
