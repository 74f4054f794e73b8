/** The server is killed in the middle of the work, again and again: what it acknowledged is there, exactly once. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import {
  bearer,
  graphql,
  liftSendingLimit,
  openDirectChat,
  type Person,
  post,
  sendDocument,
  signUp,
} from "./http.js";
import { Server } from "./server.js";
import { photo } from "./window.js";

const writersPerChat = 3;
const messagesPerWriter = 120;
const kills = 3;

interface Sent {
  readonly clientId: string;
  readonly id: number;
  readonly seq: number;
}

describe("a server that is killed while people write", () => {
  let server: Server;
  let people: Person[];
  const chats: { id: number; writers: Person[] }[] = [];
  const acknowledged = new Map<number, Sent[]>();
  let repeated = 0;

  before(async () => {
    server = await Server.start();
    await liftSendingLimit(server);
    people = [];
    for (const name of ["Anna", "Boris", "Clara"]) people.push(await signUp(server, name));
    const [anna, boris, clara] = people as [Person, Person, Person];
    chats.push({ id: await openDirectChat(server, anna, boris), writers: [anna, boris, anna] });
    chats.push({ id: await openDirectChat(server, anna, clara), writers: [clara, anna, clara] });
  });
  after(() => server?.remove());

  /** Sends one message as long as it takes; what was not acknowledged is sent again as the same message. */
  const deliver = async (chatId: number, writer: Person, content: string): Promise<Sent> => {
    const clientId = randomUUID();
    const variables = { chatId, clientId, content };
    const headers = bearer(writer.token);
    for (let tries = 0; tries < 600; tries++) {
      const query = sendDocument;
      const answer = await post(server, "/v1/graphql", { query, variables }, headers).catch(
        () => null,
      );
      const row = answer?.json?.data?.insert_messages_one;
      if (row) return { clientId, id: row.id, seq: row.seq };
      const code = answer?.json?.errors?.[0]?.extensions?.code;
      assert(
        answer === null || answer.status >= 500 || code === "unexpected",
        `refused: ${answer?.text}`,
      );
      repeated += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("never acknowledged");
  };

  const write = async (chatId: number, writer: Person, lane: number) => {
    const mine: Sent[] = [];
    acknowledged.set(chatId * 100 + lane, mine);
    for (let number = 1; number <= messagesPerWriter; number++) {
      mine.push(await deliver(chatId, writer, `${writer.name} ${lane}-${number}`));
    }
  };

  const acknowledgedSoFar = () => [...acknowledged.values()].flat().length;

  test("writers go on through kills", async (context) => {
    const writing = Promise.all(
      chats.flatMap(({ id, writers }) =>
        writers.slice(0, writersPerChat).map((writer, lane) => write(id, writer, lane)),
      ),
    );
    const total = chats.length * writersPerChat * messagesPerWriter;
    for (let kill = 1; kill <= kills; kill++) {
      const threshold = (total * kill) / (kills + 1);
      while (acknowledgedSoFar() < threshold) await new Promise((done) => setTimeout(done, 5));
      await server.kill();
      await server.startAgain();
    }
    await writing;
    context.diagnostic(`${total} messages, ${kills} kills, ${repeated} repeated tries`);
    assert(repeated > 0, "no kill hit anybody");
  });

  test("every acknowledged message is there exactly once, counted without a gap", async () => {
    for (const { id } of chats) {
      const query = `query ($id: bigint!) {
        chats_by_pk(id: $id) { lastSeq }
        messages(where: { chatId: { _eq: $id } }, order_by: { seq: asc }) { id seq clientId }
      }`;
      const { messages, chats_by_pk } = await graphql(server, "admin", query, { id });
      const lanes = [...acknowledged].filter(([lane]) => Math.floor(lane / 100) === id);
      const expected = lanes.flatMap(([, sent]) => sent).sort((a, b) => a.seq - b.seq);
      assert.deepEqual(
        messages.map((row: Sent) => ({ clientId: row.clientId, id: row.id, seq: row.seq })),
        expected,
      );
      const count = writersPerChat * messagesPerWriter;
      const seqs = messages.map((row: Sent) => row.seq);
      assert.deepEqual(
        seqs,
        Array.from({ length: count }, (_, index) => index + 1),
      );
      assert.equal(chats_by_pk.lastSeq, count);
    }
  });

  test("each writer's messages stand in the order they were written", () => {
    for (const sent of acknowledged.values()) {
      const seqs = sent.map((one) => one.seq);
      assert.deepEqual(
        seqs,
        seqs.toSorted((a, b) => a - b),
      );
    }
  });

  test("a stored file survives a kill", async () => {
    const [anna] = people as [Person];
    const bytes = await readFile(photo);
    const form = new FormData();
    form.append("bucket-id", "messages");
    form.append("file[]", new File([bytes], "photo.jpg", { type: "image/jpeg" }));
    const headers = bearer(anna.token);
    const upload = await fetch(`${server.address}/v1/files`, {
      method: "POST",
      body: form,
      headers,
    });
    assert.equal(upload.status, 201);
    const { processedFiles } = (await upload.json()) as { processedFiles: { id: string }[] };
    await server.kill();
    await server.startAgain();
    const download = await fetch(`${server.address}/v1/files/${processedFiles[0]?.id}`, {
      headers,
    });
    assert.equal(download.status, 200);
    assert.deepEqual(Buffer.from(await download.arrayBuffer()), bytes);
  });

  test("Ctrl-C ends it in order, the database included", () => server.stop());
});
