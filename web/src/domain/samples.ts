/** Values for tests: a message and an outgoing message, of which a test names what it is about. */

import type { Message } from "./model";
import type { Outgoing } from "./outgoing";

export function aMessage(fields: Partial<Message>): Message {
  const seq = fields.seq ?? 1;
  return {
    id: 1000 + seq,
    chatId: 1,
    seq,
    senderId: "anna",
    clientId: `client-${seq}`,
    text: `message ${seq}`,
    photo: null,
    link: null,
    createdAt: Date.UTC(2026, 0, 15, 12, seq),
    edited: false,
    deleted: false,
    ...fields,
  };
}

export function anOutgoing(fields: Partial<Outgoing>): Outgoing {
  return {
    clientId: "mine",
    chatId: 1,
    text: "on its way",
    photo: null,
    createdAt: Date.UTC(2026, 0, 15, 13),
    state: "queued",
    ...fields,
  };
}
