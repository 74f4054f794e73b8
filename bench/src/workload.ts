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
  /** How many messages a chat must have to be asked about. */
  readonly leastMessages: number;
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
  leastMessages: 1,
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
  leastMessages: 50,
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
  leastMessages: 1,
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
