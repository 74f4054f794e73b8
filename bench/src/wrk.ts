/** Load over HTTP, by wrk. */

import { writeFileSync } from "node:fs";
import type { Answers } from "./measure.js";
import { run } from "./process.js";

/** A request of a load: whose, and the JSON to send; `@uuid@` in it becomes a new UUID each time. */
export interface LoadRequest {
  readonly token: string;
  readonly body: string;
}

/** A file of requests that a load goes round in. */
export class LoadFile {
  readonly path: string;
  private readonly leastBytes: number;

  constructor(path: string, leastBytes: number, requests: readonly LoadRequest[]) {
    this.path = path;
    this.leastBytes = leastBytes;
    writeFileSync(path, requests.map(({ token, body }) => `${token}\t${body}\n`).join(""));
  }

  /** Sends them for some seconds; fails at the first answer that is not good. */
  send(url: string, connections: number, seconds: number): Promise<Answers> {
    const args = ["-s", "src/load.lua", url, "--", this.path, String(this.leastBytes)];
    return wrk(connections, seconds, args);
  }
}

/** Asks for a page that takes no work. */
export function ping(url: string, connections: number, seconds: number): Promise<Answers> {
  return wrk(connections, seconds, ["-s", "src/ping.lua", url]);
}

interface Result {
  requests: number;
  good: number;
  bad: number;
  broken: number;
  seconds: number;
  p50: number;
  p99: number;
  firstBad: string;
}

async function wrk(connections: number, seconds: number, args: string[]): Promise<Answers> {
  const common = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--timeout", "20s"];
  const output = await run("wrk", [...common, ...args], { seconds: seconds + 60 });
  const result = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Result;
  if (result.bad > 0 || result.broken > 0 || result.good < 1) {
    const { bad, broken, good, firstBad } = result;
    throw new Error(
      `${good} good answers, ${bad} bad ones, ${broken} broken connections: ${firstBad}`,
    );
  }
  return { count: result.good, seconds: result.seconds, p50: result.p50, p99: result.p99 };
}
