/** What can be set from outside: how long, how often, and over how much. */

export interface Settings {
  /** Measured seconds of each slot. */
  readonly seconds: number;
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
  return {
    seconds: positive("BENCH_SECONDS", env.BENCH_SECONDS, small ? 2 : 8),
    rotations: positive("BENCH_ROTATIONS", env.BENCH_ROTATIONS, small ? 1 : 3),
    people: small ? 1_000 : 10_000,
    chats: small ? 2_000 : 20_000,
    messages: small ? 100_000 : 1_000_000,
    connections: [1, 8, 32],
  };
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined || given === "") return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name}: a whole number of 1 or more`);
  return value;
}
