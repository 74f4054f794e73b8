/** The SQL that the engine runs for a request: read from PostgreSQL's log, never written by hand. */

import { readFileSync } from "node:fs";
import { requestOf } from "./agreement.js";
import { database } from "./dataset.js";
import type { Postgres } from "./postgres.js";
import { pause } from "./process.js";
import { startBrainMessenger } from "./systems.js";
import type { Target, Workload } from "./workload.js";

/** A statement with the values that one request gave its parameters. */
export interface Statement {
  readonly sql: string;
  /** `$1` and on, as text. */
  readonly values: readonly string[];
  /** The request that they belong to. */
  readonly target: Target;
  readonly clientId: string;
}

interface Logged {
  readonly sql: string;
  readonly values: readonly string[];
}

/** Milliseconds until a statement that has been answered stands in the log. */
const logDeadline = 5_000;

/** Asks a server of its own, whose statements PostgreSQL logs, one question for each workload. */
export async function statementsOf(
  postgres: Postgres,
  folder: string,
  workloads: readonly Workload[],
  targets: (workload: Workload) => Target,
): Promise<Map<Workload, Statement>> {
  await postgres.ask(database, `alter database ${database} set log_statement = 'all'`);
  const server = await startBrainMessenger(postgres, folder);
  const found = new Map<Workload, Statement>();
  try {
    for (const workload of workloads) {
      const target = targets(workload);
      const clientId = crypto.randomUUID();
      const before = readFileSync(postgres.log, "utf8").length;
      await requestOf(server, workload, target, clientId);
      const own = await loggedFor(target, postgres.log, before);
      const [statement, ...others] = own;
      if (statement === undefined || others.length > 0) {
        throw new Error(
          `${own.length} statements for one ${workload.name}; a script is made of one`,
        );
      }
      found.set(workload, { ...statement, target, clientId });
    }
  } finally {
    await server.process.stop();
    await postgres.ask(database, `alter database ${database} reset log_statement`);
  }
  return found;
}

/** What was logged behind a place and for a person: the server does other things, too, but those carry no person's id. */
async function loggedFor(target: Target, log: string, from: number): Promise<Logged[]> {
  const deadline = Date.now() + logDeadline;
  for (;;) {
    const logged = parse(readFileSync(log, "utf8").slice(from));
    const own = logged.filter(({ values }) =>
      values.some((value) => value.includes(target.userId)),
    );
    if (own.length > 0 || Date.now() > deadline) return own;
    await pause(20);
  }
}

/** Reads the lines of a log: `execute NAME: SQL`, then `parameters: $1 = '…', …`. Further lines begin with a tab. */
function parse(log: string): Logged[] {
  const entries = log.split(/\n(?!\t)/).map((entry) => entry.replaceAll("\n\t", "\n"));
  const found = [];
  for (const [index, entry] of entries.entries()) {
    const sql = / LOG: {2}execute [^:]+: ([\s\S]*)$/.exec(entry)?.[1];
    const parameters = / DETAIL: {2}parameters: ([\s\S]*)$/.exec(entries[index + 1] ?? "")?.[1];
    if (sql !== undefined && parameters !== undefined)
      found.push({ sql, values: valuesOf(parameters) });
  }
  return found;
}

function valuesOf(parameters: string): string[] {
  const values = [];
  for (const match of parameters.matchAll(/\$\d+ = (?:'((?:[^']|'')*)'|NULL)/g)) {
    if (match[1] === undefined) throw new Error(`a parameter without value: ${parameters}`);
    values.push(match[1].replaceAll("''", "'"));
  }
  return values;
}
