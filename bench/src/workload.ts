/** The three things that a messenger is asked for most, each in the words of the three GraphQL servers. */

/** Who asks about which chat. */
export interface Target {
  readonly userId: string;
  readonly token: string;
  readonly chatId: number;
}

/** Whose GraphQL a document is written for. */
export type Dialect = "brainmessenger" | "postgraphile" | "nest";

export interface Workload {
  readonly name: "list" | "page" | "send";
  readonly title: string;
  /** The query that picks `userId` and `chatId` of targets; `$1` is their number. */
  readonly targets: string;
  /** How pgbench picks the same: sets `chat` and `place`, or `person`. */
  readonly pgbench: string;
  /** The caller's id in pgbench's script. */
  readonly caller: string;
  readonly documents: Readonly<Record<Dialect, string>>;
  /** The variables of a request; `@uuid@` stands for a new UUID each time. */
  variables(target: Target): Record<string, unknown>;
  /** The least bytes of a good answer. */
  readonly leastBytes: number;
  readonly writes: boolean;
}

const list: Workload = {
  name: "list",
  title: "Chat list: 20 chats with last message, its sender, member count, unread",
  targets: `
    select bench.person(n) as "userId", 0 as "chatId"
    from (select (random() * (select count(*) - 1 from auth.users))::bigint as n from generate_series(1, $1)) picked`,
  pgbench: "\\set person random(0, :people - 1)",
  caller: "bench.person(:person)",
  documents: {
    brainmessenger: `query ChatList {
      chats(order_by: [{ lastMessageAt: desc_nulls_last }, { id: desc }], limit: 20) {
        id type name memberCount lastMessageAt
        membership { unreadCount }
        messages(order_by: { seq: desc }, limit: 1) {
          id seq content createdAt sender { id displayName avatarUrl }
        }
      }
    }`,
    postgraphile: `query ChatList {
      chats(orderBy: LAST_MESSAGE_AT_DESC, first: 20) {
        nodes {
          id: rowId type name memberCount lastMessageAt lastSeq
          chatMembers(first: 1) { nodes { lastReadSeq } }
          messages(orderBy: SEQ_DESC, first: 1) {
            nodes { id: rowId seq content createdAt sender { id: rowId displayName avatarUrl } }
          }
        }
      }
    }`,
    nest: `query ChatList {
      chats(limit: 20) {
        id type name memberCount lastMessageAt unreadCount
        lastMessage { id seq content createdAt sender { id displayName avatarUrl } }
      }
    }`,
  },
  variables: () => ({}),
  leastBytes: 1_000,
  writes: false,
};

const page: Workload = {
  name: "page",
  title: "Message page: the newest 50 of a chat with their senders, membership checked",
  targets: `
    select bench.member(chat_id, place) as "userId", chat_id as "chatId"
    from (
      select
        1 + (random() * (select count(*) - 1 from public.chats where last_seq >= 50 and member_count >= 12))::bigint
          as chat_id,
        (random() * 11)::bigint as place
      from generate_series(1, $1)
    ) picked`,
  pgbench: "\\set chat random(1, :busy_chats)\n\\set place random(0, 11)",
  caller: "bench.member(:chat, :place)",
  documents: {
    brainmessenger: `query MessagePage($chatId: bigint!) {
      messages(where: { chatId: { _eq: $chatId } }, order_by: { seq: desc }, limit: 50) {
        id seq content createdAt editedAt deletedAt replyToId fileUrl
        sender { id displayName avatarUrl }
      }
    }`,
    postgraphile: `query MessagePage($chatId: BigInt!) {
      messages(condition: { chatId: $chatId }, orderBy: SEQ_DESC, first: 50) {
        nodes {
          id: rowId seq content createdAt editedAt deletedAt replyToId fileUrl
          sender { id: rowId displayName avatarUrl }
        }
      }
    }`,
    nest: `query MessagePage($chatId: ID!) {
      messages(chatId: $chatId, limit: 50) {
        id seq content createdAt editedAt deletedAt replyToId fileUrl
        sender { id displayName avatarUrl }
      }
    }`,
  },
  variables: ({ chatId }) => ({ chatId }),
  leastBytes: 5_000,
  writes: false,
};

const send: Workload = {
  name: "send",
  title: "Sending a message: membership checked, numbered, committed",
  targets: `
    select bench.member(chat_id, place) as "userId", chat_id as "chatId"
    from (
      select
        1 + (random() * (select count(*) - 1 from public.chats))::bigint as chat_id, (random())::int::bigint as place
      from generate_series(1, $1)
    ) picked`,
  pgbench: "\\set chat random(1, :chats)\n\\set place random(0, 1)",
  caller: "bench.member(:chat, :place)",
  documents: {
    brainmessenger: `mutation SendMessage($chatId: bigint!, $clientId: uuid!, $content: String!) {
      insert_messages_one(
        object: { chatId: $chatId, clientId: $clientId, content: $content }
        on_conflict: { constraint: messages_client_id_key, update_columns: [clientId] }
      ) { id chatId seq senderId clientId content createdAt }
    }`,
    postgraphile: `mutation SendMessage($chatId: BigInt!, $clientId: UUID!, $content: String!) {
      sendMessage(input: { chatId: $chatId, clientId: $clientId, content: $content }) {
        message: result { id: rowId chatId seq senderId clientId content createdAt }
      }
    }`,
    nest: `mutation SendMessage($chatId: ID!, $clientId: ID!, $content: String!) {
      sendMessage(chatId: $chatId, clientId: $clientId, content: $content) {
        id chatId seq senderId clientId content createdAt
      }
    }`,
  },
  variables: ({ chatId }) => ({
    chatId,
    clientId: "@uuid@",
    content: "See you at the usual place, half past seven; bring the maps and something to eat.",
  }),
  leastBytes: 150,
  writes: true,
};

export const workloads: readonly Workload[] = [list, page, send];
