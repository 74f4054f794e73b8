/** Reads what comes over the wire into the client's own types, and refuses what has another shape. */

import type { Chat, Message, Person, Photo } from "../domain/model";
import { Problem } from "./problem";

/** Reads one value, or throws. */
export type Reader<T> = (value: unknown) => T;

type Row = Readonly<Record<string, unknown>>;

function unreadable(what: string, value: unknown): Problem {
  return new Problem("unavailable", new Error(`expected ${what}, got ${typeof value}`));
}

/** An object. */
export function row(value: unknown): Row {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unreadable("an object", value);
  }
  return value as Row;
}

/** A list, each element read by `reader`. */
export function listOf<T>(reader: Reader<T>): Reader<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw unreadable("a list", value);
    return value.map(reader);
  };
}

/** Null and a missing value are null, anything else is read. */
export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (value) => (value === null || value === undefined ? null : reader(value));
}

/** A text. */
export function text(value: unknown): string {
  if (typeof value !== "string") throw unreadable("a text", value);
  return value;
}

/** A whole number. A bigint comes as a number, or as its digits where a project is set up so. */
export function integer(value: unknown): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (!Number.isSafeInteger(number)) throw unreadable("a whole number", value);
  return number as number;
}

/** A moment, in milliseconds. */
export function moment(value: unknown): number {
  const at = Date.parse(text(value));
  if (Number.isNaN(at)) throw unreadable("a moment", value);
  return at;
}

/** A person as others see them. */
export function person(value: unknown): Person {
  const { id, displayName } = row(value);
  return { id: text(id), name: text(displayName).trim() };
}

/** A message. */
export function message(value: unknown): Message {
  const fields = row(value);
  const fileId = orNull(text)(fields.fileId);
  return {
    id: integer(fields.id),
    chatId: integer(fields.chatId),
    seq: integer(fields.seq),
    senderId: orNull(text)(fields.senderId),
    clientId: orNull(text)(fields.clientId),
    text: orNull(text)(fields.content) ?? "",
    photo: fileId === null ? null : photo(fileId, fields.file),
    link: fileId === null ? orNull(text)(fields.fileUrl) : null,
    createdAt: moment(fields.createdAt),
    edited: orNull(moment)(fields.editedAt) !== null,
    deleted: orNull(moment)(fields.deletedAt) !== null,
  };
}

/** The picture's size is what the uploading client noted; other clients may note nothing. */
function photo(fileId: string, file: unknown): Photo {
  const metadata = typeof file === "object" && file !== null ? (file as Row).metadata : undefined;
  if (typeof metadata !== "object" || metadata === null) return { fileId };
  const { width, height } = metadata as Row;
  return typeof width === "number" && typeof height === "number"
    ? { fileId, width, height }
    : { fileId };
}

/** A chat, seen by one of its members. */
export function chatSeenBy(userId: string): Reader<Chat> {
  return (value) => {
    const fields = row(value);
    const members = listOf(member)(fields.members);
    const others = members.filter((one) => one.person.id !== userId);
    const lastMessage = listOf(message)(fields.messages)[0] ?? null;
    const type = text(fields.type);
    return {
      id: integer(fields.id),
      type: type === "group" || type === "channel" ? type : "direct",
      name: orNull(text)(fields.name) ?? "",
      others: others.map((one) => one.person),
      lastSeq: integer(fields.lastSeq),
      readSeq: members.find((one) => one.person.id === userId)?.readSeq ?? 0,
      readByOthersSeq: Math.max(0, ...others.map((one) => one.readSeq)),
      lastMessage,
      lastActivityAt: orNull(moment)(fields.lastMessageAt) ?? moment(fields.createdAt),
    };
  };
}

/** An account that is gone leaves a person without a name. */
function member(value: unknown): { person: Person; readSeq: number } {
  const fields = row(value);
  const id = text(fields.userId);
  return {
    person: orNull(person)(fields.person) ?? { id, name: "" },
    readSeq: integer(fields.lastReadSeq),
  };
}
