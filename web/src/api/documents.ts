/** Every GraphQL document of the client, each with the reader of its answer. */

import type { Chat, Message, Person } from "../domain/model";
import { chatSeenBy, integer, listOf, message, orNull, person, type Reader, row } from "./wire";

/** A document, what it needs, and how its answer is read. */
export interface Operation<Data, Variables> {
  readonly query: string;
  readonly read: Reader<Data>;
  /** Only there for the types. */
  readonly variables?: Variables;
}

const messageFields = `
  id chatId seq senderId clientId content fileId fileUrl createdAt editedAt deletedAt
  file { metadata }
`;

/** The chats of this person, the liveliest first. */
export function myChats(userId: string): Operation<Chat[], { limit: number }> {
  return {
    query: `subscription MyChats($limit: Int!) {
      chats(order_by: [{ lastMessageAt: desc_nulls_last }, { id: desc }], limit: $limit) {
        id type name lastSeq lastMessageAt createdAt
        members { userId lastReadSeq person { id displayName } }
        messages(order_by: { seq: desc }, limit: 1) { ${messageFields} }
      }
    }`,
    read: (data) => listOf(chatSeenBy(userId))(row(data).chats),
  };
}

/** The newest messages of a chat, as they come. */
export const newestMessages: Operation<Message[], { chatId: number; limit: number }> = {
  query: `subscription NewestMessages($chatId: bigint!, $limit: Int!) {
    messages(where: { chatId: { _eq: $chatId } }, order_by: { seq: desc }, limit: $limit) { ${messageFields} }
  }`,
  read: (data) => listOf(message)(row(data).messages),
};

/** The newest messages of a chat that lie between two numbers. */
export const messagesBetween: Operation<
  Message[],
  { chatId: number; after: number; before: number; limit: number }
> = {
  query: `query MessagesBetween($chatId: bigint!, $after: bigint!, $before: bigint!, $limit: Int!) {
    messages(
      where: { chatId: { _eq: $chatId }, seq: { _gt: $after, _lt: $before } }
      order_by: { seq: desc }
      limit: $limit
    ) { ${messageFields} }
  }`,
  read: (data) => listOf(message)(row(data).messages),
};

/** Writes a message. Sent again with the same `clientId` it answers the first one. */
export const sendMessage: Operation<
  Message | null,
  { chatId: number; clientId: string; content: string | null; fileId: string | null }
> = {
  query: `mutation SendMessage($chatId: bigint!, $clientId: uuid!, $content: String, $fileId: uuid) {
    insert_messages_one(
      object: { chatId: $chatId, clientId: $clientId, content: $content, fileId: $fileId }
      on_conflict: { constraint: messages_client_id_key, update_columns: [clientId] }
    ) { ${messageFields} }
  }`,
  read: (data) => orNull(message)(row(data).insert_messages_one),
};

/** Notes how far this person has read. */
export const markRead: Operation<null, { chatId: number; userId: string; seq: number }> = {
  query: `mutation MarkRead($chatId: bigint!, $userId: uuid!, $seq: bigint!) {
    update_chat_members_by_pk(
      pk_columns: { chatId: $chatId, userId: $userId }
      _set: { lastReadSeq: $seq }
    ) { lastReadSeq }
  }`,
  read: () => null,
};

/** People by the beginning of their name or of a word in it, by their user name or whole e-mail address; 20 at most. */
export const findPeople: Operation<Person[], { query: string }> = {
  query: `query FindPeople($query: String!) {
    search_people(args: { query: $query }) { id displayName }
  }`,
  read: (data) => listOf(person)(row(data).search_people),
};

/** The direct chat with a person; it is made when there is none yet. */
export const openDirectChat: Operation<number, { userId: string }> = {
  query: `mutation OpenDirectChat($userId: uuid!) {
    open_direct_chat(args: { user_id: $userId }) { id }
  }`,
  read: (data) => integer(row(row(data).open_direct_chat).id),
};
