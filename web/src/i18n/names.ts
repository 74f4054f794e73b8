/** What to call people and chats. */

import type { Chat, Person } from "../domain/model";
import { t } from "./index";

/** A person's name; an account that is gone has none. */
export function personName(person: Person): string {
  return person.name || t.chats.deletedAccount;
}

/** A chat's own name, or its people. */
export function chatName(chat: Chat): string {
  if (chat.name !== "") return chat.name;
  return chat.others.length === 0 ? t.chats.saved : chat.others.map(personName).join(", ");
}

/** Who wrote a message of a chat; null is the system. */
export function senderName(chat: Chat, senderId: string | null): string {
  if (senderId === null) return t.chats.system;
  return chat.others.find((person) => person.id === senderId)?.name || t.chats.deletedAccount;
}
