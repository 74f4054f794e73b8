/**
 * Messages on their way. Each is shown at once, sent in order, and kept until the server has acknowledged it, over a
 * reload too. Sending again is harmless: the server keeps one message per `clientId`.
 */

import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { sendMessage } from "../api/documents";
import { uploadPhoto } from "../api/files";
import { request } from "../api/graphql";
import { Problem, toProblem } from "../api/problem";
import { isOutboxOf, loadOutbox, saveOutbox } from "../device/outbox-storage";
import { forgetPhoto, keepPhoto, keptPhoto } from "../device/photo-storage";
import type { Picture } from "../device/picture";
import { backoff } from "../domain/backoff";
import { newId } from "../domain/identifier";
import {
  changed,
  joined,
  nextToSend,
  type Outgoing,
  type OutgoingPhoto,
  without,
} from "../domain/outgoing";
import { accept } from "./conversation";
import { reachable } from "./link";
import { showOwnPhoto } from "./photos";

/** After this many tries that failed although there is a connection, the person is asked. */
const triesWhileReachable = 5;

const current = signal<readonly Outgoing[]>([]);
const problemOf = signal<ReadonlyMap<string, Problem["code"]>>(new Map());
const progressOf = signal<ReadonlyMap<string, number>>(new Map());
const sending = new Set<number>();
/** Written in this window; another window of the same person may have sent or dropped the rest. */
const ownIds = new Set<string>();
let owner: string | null = null;

/** What is not acknowledged yet, in the order it was written. */
export const outbox: ReadonlySignal<readonly Outgoing[]> = current;

/** Why a message was refused, by `clientId`. */
export const refusals: ReadonlySignal<ReadonlyMap<string, Problem["code"]>> = problemOf;

/** How much of a photo is uploaded, 0 … 1, by `clientId`. */
export const uploads: ReadonlySignal<ReadonlyMap<string, number>> = progressOf;

/** Writes a message to a chat. */
export function send(chatId: number, text: string, picture: Picture | null): void {
  const photo = picture === null ? null : outgoingPhoto(picture);
  const message: Outgoing = {
    clientId: newId(),
    chatId,
    text,
    photo,
    createdAt: Date.now(),
    state: "queued",
  };
  if (photo !== null && picture !== null) {
    showOwnPhoto(photo.fileId, picture.content);
    void keepPhoto(photo.fileId, picture.content);
  }
  ownIds.add(message.clientId);
  put([...current.peek(), message]);
  void sendFrom(chatId);
}

/** Tries a refused message again. */
export function retry(clientId: string): void {
  put(changed(current.peek(), clientId, { state: "queued" }));
  sendAll();
}

/** Gives a message up. */
export function discard(clientId: string): void {
  const message = current.peek().find((item) => item.clientId === clientId);
  if (message?.photo) void forgetPhoto(message.photo.fileId);
  put(without(current.peek(), clientId));
}

/** Gives everything up. */
export function discardAll(): void {
  for (const { clientId } of current.peek()) discard(clientId);
}

/** Takes up what this person has not sent, and sends it whenever there is a connection. */
export function followOutbox(userId: string): () => void {
  owner = userId;
  current.value = loadOutbox(userId);
  const whenStored = (event: StorageEvent) => {
    if (isOutboxOf(userId, event))
      current.value = joined(current.peek(), loadOutbox(userId), ownIds);
  };
  addEventListener("storage", whenStored);
  const stop = effect(() => {
    if (reachable.value) untracked(sendAll);
  });
  return () => {
    stop();
    removeEventListener("storage", whenStored);
    owner = null;
    current.value = [];
  };
}

function sendAll(): void {
  for (const chatId of new Set(current.peek().map((item) => item.chatId))) void sendFrom(chatId);
}

/** Sends a chat's messages one after another, so that they arrive in the order they were written. */
async function sendFrom(chatId: number): Promise<void> {
  if (sending.has(chatId)) return;
  sending.add(chatId);
  const sender = owner;
  let tries = 0;
  for (;;) {
    const message = nextToSend(current.peek(), chatId);
    if (message === undefined || owner !== sender) break;
    put(changed(current.peek(), message.clientId, { state: "sending" }));
    try {
      await deliver(message);
      tries = 0;
    } catch (error) {
      const { code, passing } = toProblem(error);
      const waits = passing || code === "signedOut";
      const givesUp = !waits || (reachable.peek() && ++tries >= triesWhileReachable);
      put(changed(current.peek(), message.clientId, { state: givesUp ? "failed" : "queued" }));
      problemOf.value = new Map(problemOf.peek()).set(message.clientId, code);
      if (givesUp) tries = 0;
      else if (reachable.peek()) await new Promise((done) => setTimeout(done, backoff(tries)));
      else break;
    }
  }
  sending.delete(chatId);
}

async function deliver(message: Outgoing): Promise<void> {
  const { clientId, chatId, text, photo } = message;
  if (photo !== null && !photo.uploaded) {
    await upload(clientId, photo);
    put(changed(current.peek(), clientId, { photo: { ...photo, uploaded: true } }));
  }
  const fileId = photo?.fileId ?? null;
  const content = text === "" ? null : text;
  const acknowledged = await request(sendMessage, { chatId, clientId, content, fileId });
  if (acknowledged === null) throw new Problem("forbidden");
  accept(acknowledged);
  discard(clientId);
}

async function upload(clientId: string, photo: OutgoingPhoto): Promise<void> {
  const content = await keptPhoto(photo.fileId);
  if (content === null) throw new Problem("photoLost");
  const { fileId: id, name, width, height } = photo;
  await uploadPhoto({ id, name, content, width, height }, (part) => {
    progressOf.value = new Map(progressOf.peek()).set(clientId, part);
  });
}

function outgoingPhoto({ name, width, height }: Picture): OutgoingPhoto {
  return { fileId: newId(), name, width, height, uploaded: false };
}

function put(next: readonly Outgoing[]): void {
  current.value = next;
  if (owner !== null) saveOutbox(owner, next);
}
