/** What can be set from outside: how long, how often, and over how much. */

/** What can be measured. */
const parts = ["messages", "files"] as const;
type Part = (typeof parts)[number];

export interface Settings {
  readonly parts: readonly Part[];
  /** Measured seconds of each slot. */
  readonly seconds: number;
  /** The same of the slots with files, which are more. */
  readonly fileSeconds: number;
  /** How often every slot is measured; the median counts. */
  readonly rotations: number;
  readonly people: number;
  readonly chats: number;
  readonly messages: number;
  readonly connections: readonly number[];
}

export function readSettings(args: string[], env: NodeJS.ProcessEnv): Settings {
  const small = args.includes("--small");
  const unknown = args.find((arg) => arg !== "--small");
  if (unknown !== undefined) throw new Error(`unknown argument ${unknown}; there is --small`);
  const seconds = positive("BENCH_SECONDS", env.BENCH_SECONDS, small ? 2 : 8);
  return {
    parts: readParts(env.BENCH_ONLY),
    seconds,
    fileSeconds: Math.ceil(seconds / 2),
    rotations: positive("BENCH_ROTATIONS", env.BENCH_ROTATIONS, small ? 1 : 3),
    people: small ? 1_000 : 10_000,
    chats: small ? 2_000 : 20_000,
    messages: small ? 100_000 : 1_000_000,
    connections: [1, 8, 32],
  };
}

function readParts(only: string | undefined): readonly Part[] {
  if (only === undefined || only === "") return parts;
  const part = parts.find((name) => name === only);
  if (part === undefined) throw new Error(`BENCH_ONLY: one of ${parts.join(", ")}`);
  return [part];
}

/** A whole number from the environment. */
export function positive(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined || given === "") return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name}: a whole number of 1 or more`);
  return value;
}
