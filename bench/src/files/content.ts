/** What is sent: bytes that look like nothing and that nobody can make smaller. */

import { createCipheriv } from "node:crypto";
import type { Body } from "./client.js";

const pieceBytes = 256 * 1024;

/** The same in each run. */
const piece = createCipheriv("aes-256-ctr", Buffer.alloc(32, 7), Buffer.alloc(16)).update(
  Buffer.alloc(pieceBytes),
);

/** So many bytes of it. */
export function content(bytes: number): Body {
  return { length: bytes, pieces: pieces(bytes) };
}

/** All of it at once, to compare. */
export function whole(bytes: number): Buffer {
  return Buffer.concat([...pieces(bytes)]);
}

function* pieces(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= pieceBytes) {
    yield left < pieceBytes ? piece.subarray(0, left) : piece;
  }
}

const boundary = "brain-bench-6d1f0c";

/** A form as a browser sends it: one file for the bucket of attachments. */
export function form(file: Body): { headers: Record<string, string>; body: Body } {
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="bucket-id"\r\n\r\nmessages\r\n` +
      `--${boundary}\r\ncontent-disposition: form-data; name="file[]"; filename="bench.bin"\r\n` +
      "content-type: application/octet-stream\r\n\r\n",
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const length = head.length + file.length + tail.length;
  return {
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: { length, pieces: around(head, file.pieces, tail) },
  };
}

function* around(head: Buffer, pieces: Iterable<Buffer>, tail: Buffer): Generator<Buffer> {
  yield head;
  yield* pieces;
  yield tail;
}
