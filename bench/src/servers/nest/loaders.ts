/** What many resolvers of one request ask for one by one, and the database is asked for once. */

import DataLoader from "dataloader";
import type { Database, Prepared } from "./database.js";
import type { Message, Person } from "./model.js";

const peopleByIds: Prepared = {
  name: "people_by_ids",
  text: `
    select p.id, p.display_name as "displayName", p.avatar_url as "avatarUrl"
    from public.people p
    where p.id = any ($1::uuid[])`,
};

/** Only for chats that the caller is known to be in. */
const lastMessages: Prepared = {
  name: "last_messages",
  text: `
    select m.id, m.chat_id as "chatId", m.seq::int as seq, m.sender_id as "senderId", m.content,
      m.created_at as "createdAt"
    from unnest($1::bigint[]) wanted (chat_id)
    cross join lateral (
      select * from public.messages m where m.chat_id = wanted.chat_id order by m.seq desc limit 1
    ) m`,
};

export class Loaders {
  readonly people: DataLoader<string, Person | null>;
  readonly lastMessage: DataLoader<string, Message | null>;

  constructor(database: Database) {
    this.people = new DataLoader(async (ids) => {
      const rows = await database.rows<Person>(peopleByIds, [ids]);
      const byId = new Map(rows.map((person) => [person.id, person]));
      return ids.map((id) => byId.get(id) ?? null);
    });
    this.lastMessage = new DataLoader(async (chatIds) => {
      const rows = await database.rows<Message>(lastMessages, [chatIds]);
      const byChat = new Map(rows.map((message) => [message.chatId, message]));
      return chatIds.map((chatId) => byChat.get(chatId) ?? null);
    });
  }
}
