/** One slot: what a load gets answered, and what that costs the server, the database and in memory. */

import type { Postgres } from "./postgres.js";
import { cpuSeconds, residentMebibytes } from "./process.js";

/** What a load says of itself. All answers were good: a load with a bad one fails. */
export interface Answers {
  readonly count: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface Measurement {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of processor time per request; null: there is no server. */
  readonly serverCpu: number | null;
  readonly postgresCpu: number | null;
  /** MiB after the slot. */
  readonly memory: number | null;
}

/**
 * Runs a load and measures it from the moment on when it calls `begin`. `server` is the process that answers, if there
 * is one.
 */
export async function measure(
  load: (begin: () => void) => Promise<Answers>,
  server: number | null,
  postgres: Postgres | null,
): Promise<Measurement> {
  const used = () => ({
    server: server === null ? 0 : cpuSeconds(server),
    postgres: postgres === null ? 0 : cpuSeconds(postgres.pid),
  });
  let before = used();
  const answers = await load(() => {
    before = used();
  });
  const after = used();
  const each = (seconds: number) => (seconds * 1e6) / answers.count;
  return {
    perSecond: answers.count / answers.seconds,
    p50: answers.p50,
    p99: answers.p99,
    serverCpu: server === null ? null : each(after.server - before.server),
    postgresCpu: postgres === null ? null : each(after.postgres - before.postgres),
    memory: server === null ? null : residentMebibytes(server),
  };
}

/** The median of each figure by itself. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  const of = (read: (measurement: Measurement) => number | null) => {
    const values = measurements.map(read).filter((value) => value !== null);
    return values.length === 0 ? null : median(values);
  };
  return {
    perSecond: of((one) => one.perSecond) ?? 0,
    p50: of((one) => one.p50) ?? 0,
    p99: of((one) => one.p99) ?? 0,
    serverCpu: of((one) => one.serverCpu),
    postgresCpu: of((one) => one.postgresCpu),
    memory: of((one) => one.memory),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** The lowest and the highest. */
export function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;
}

/** A whole number for a table; nothing for what was not measured. */
export function whole(value: number | null): string {
  return value === null ? "" : String(Math.round(value));
}
