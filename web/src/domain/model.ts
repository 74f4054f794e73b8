/** What the client talks about: people, chats, messages. Already read from the wire, safe to use. */

export interface Person {
  readonly id: string;
  /** Empty: the account is gone. */
  readonly name: string;
}

/** A stored picture, and its size in pixels where it is known. */
export interface Photo {
  readonly fileId: string;
  readonly width?: number;
  readonly height?: number;
}

export interface Message {
  readonly id: number;
  readonly chatId: number;
  /** Counts the messages of the chat: 1, 2, 3 … without a gap. */
  readonly seq: number;
  /** Null: the system wrote it. */
  readonly senderId: string | null;
  /** What the sender's client called the message; it stays the same when it is sent again. */
  readonly clientId: string | null;
  readonly text: string;
  readonly photo: Photo | null;
  /** A file that is kept elsewhere; only the administrator can set it. */
  readonly link: string | null;
  readonly createdAt: number;
  readonly edited: boolean;
  readonly deleted: boolean;
}

export interface Chat {
  readonly id: number;
  readonly type: "direct" | "group" | "channel";
  /** Of a group or a channel; empty in a direct chat. */
  readonly name: string;
  /** The others in it; nobody in the chat that a person has with oneself. */
  readonly others: readonly Person[];
  readonly lastSeq: number;
  /** How far this person has read. */
  readonly readSeq: number;
  /** How far any of the others has read. */
  readonly readByOthersSeq: number;
  readonly lastMessage: Message | null;
  readonly lastActivityAt: number;
}

/** The number of messages that this person has not read. */
export function unreadCount(chat: Chat): number {
  return Math.max(0, chat.lastSeq - chat.readSeq);
}
