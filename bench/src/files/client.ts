/** The client of the comparison of files: bytes over HTTP on connections that stay open, the same for whoever answers. */

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";

/** Bytes to send, in pieces, so that no file need be in memory. */
export interface Body {
  readonly length: number;
  readonly pieces: Iterable<Buffer>;
}

export interface Outgoing {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
}

/** How long a connection may be silent: the bucket may copy a large file before it answers. */
const silenceMilliseconds = 120_000;

/** At most so much of an answer is told when it is a wrong one. */
const toldBytes = 2_000;

export class Client {
  private readonly agent: Agent;

  constructor(connections: number) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Sends it, and gives the answer's bytes; fails if the status is not `expected`. */
  async read(outgoing: Outgoing, expected: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    await this.exchange(outgoing, expected, (piece) => pieces.push(piece));
    return Buffer.concat(pieces);
  }

  /** Sends it, and gives how many bytes were answered, of which none is kept. */
  async count(outgoing: Outgoing, expected: number): Promise<number> {
    let length = 0;
    await this.exchange(outgoing, expected, (piece) => {
      length += piece.length;
    });
    return length;
  }

  close(): void {
    this.agent.destroy();
  }

  private async exchange(
    { method, url, headers, body }: Outgoing,
    expected: number,
    take: (piece: Buffer) => void,
  ): Promise<void> {
    const length = body === undefined ? {} : { "content-length": body.length };
    const sending = request(url, {
      method,
      agent: this.agent,
      headers: { ...headers, ...length },
      timeout: silenceMilliseconds,
    });
    sending.on("timeout", () => sending.destroy(new Error(`${method} ${url}: no answer`)));
    // Before the first byte is sent: who refuses may answer in the middle.
    const answered = once(sending, "response") as Promise<[IncomingMessage]>;
    const sent = send(sending, body);
    const [[answer]] = await Promise.all([answered, sent]);
    let told = "";
    for await (const piece of answer as AsyncIterable<Buffer>) {
      if (answer.statusCode === expected) take(piece);
      else if (told.length < toldBytes) told += piece.toString();
    }
    if (answer.statusCode !== expected) {
      throw new Error(`${method} ${url}: ${answer.statusCode} ${told.slice(0, toldBytes)}`);
    }
  }
}

async function send(sending: ReturnType<typeof request>, body: Body | undefined): Promise<void> {
  for (const piece of body?.pieces ?? []) {
    if (!sending.write(piece)) await once(sending, "drain");
  }
  sending.end();
}
