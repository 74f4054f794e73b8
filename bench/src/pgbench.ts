/** The engine's own statements, run by pgbench without any server in between. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Times } from "./contestant.js";
import { database } from "./dataset.js";
import type { Answers } from "./measure.js";
import type { Postgres } from "./postgres.js";
import { run } from "./process.js";
import type { Statement } from "./statement.js";
import type { Workload } from "./workload.js";

/** After so many requests a connection goes on as somebody else: seldom enough to cost nothing, also at the 99th percentile. */
const turnsOfOne = 128;

/**
 * A workload as a script: the engine's text with variables of pgbench for its parameters. Their values are numbers that
 * pgbench computes, or texts that a query has given; so another person's turn comes by a query of its own.
 */
export class PgbenchScript {
  private readonly path: string;
  private readonly variables: string[] = ["-D", "turn=0"];

  constructor(folder: string, workload: Workload, statement: Statement) {
    this.path = join(folder, `${workload.name}.sql`);
    const { sql, values, target, clientId } = statement;
    // pgbench would take them for variables.
    if (/(?<!:):[A-Za-z0-9_]/.test(sql)) throw new Error(`a colon in ${sql}`);
    // A second one would be another one.
    const named = values.findIndex((value) => value.includes(clientId)) + 1;
    const times = sql.split(new RegExp(`\\$${named}(?!\\d)`)).length - 1;
    if (named > 0 && times !== 1) throw new Error(`a client's id stands ${times} times in ${sql}`);
    const varying = [
      { value: clientId, by: "gen_random_uuid()" },
      { value: target.userId, by: ":caller" },
      { value: String(target.chatId), by: ":chat" },
    ];
    const parameters = values.map((value, index) => {
      const whole = varying.find((one) => one.value === value);
      if (whole !== undefined) return whole.by;
      // A request may travel as a list of one.
      const listed = varying.find((one) => `{${one.value}}` === value);
      if (listed !== undefined) return `'{'||${listed.by}||'}'`;
      this.variables.push("-D", `constant${index}=${value}`);
      return `:constant${index}`;
    });
    const filled = sql.replaceAll(/\$(\d+)/g, (_, number) => parameters[Number(number) - 1] ?? "");
    writeFileSync(this.path, `${turn(workload)}\n${filled};\n`);
  }

  async run(
    postgres: Postgres,
    connections: number,
    { warm, measured }: Times,
    begin: () => void,
  ): Promise<Answers> {
    const folder = mkdtempSync(`${this.path}-`);
    const fixed = `-n -M prepared -c ${connections} -j 1 -T ${warm + measured}`.split(" ");
    const log = ["--log", "--log-prefix", join(folder, "log")];
    const args = [...fixed, ...log, ...this.variables, "-f", this.path, postgres.url(database)];
    let began = Number.POSITIVE_INFINITY;
    const timer = setTimeout(() => {
      began = Date.now();
      begin();
    }, warm * 1000);
    try {
      const output = await run(postgres.program("pgbench"), args, {
        seconds: warm + measured + 60,
      });
      const failed = Number(/failed transactions: (\d+)/.exec(output)?.[1] ?? 0);
      const answers = answersOf(folder, began);
      if (failed > 0 || answers.count === 0) throw new Error(`pgbench: ${output}`);
      return answers;
    } finally {
      clearTimeout(timer);
      rmSync(folder, { recursive: true });
    }
  }
}

/** Sets `caller` and one of the caller's chats. */
function turn(workload: Workload): string {
  const places = [1, 2, 3, 4, 5, 6, 7, 8];
  const chats = places.map((place) => `chats[${place}] as chat${place}`).join(", ");
  const cases = places.map((place) => `when :place = ${place} then :chat${place}`).join(" ");
  return [
    "\\set turn :turn + 1",
    `\\if :turn % ${turnsOfOne} = 1`,
    `select caller, ${chats} from bench.pick(${workload.leastMessages}) \\gset`,
    "\\endif",
    "\\set place random(1, 8)",
    `\\set chat case ${cases} end`,
  ].join("\n");
}

/**
 * From pgbench's log: a line for each transaction, whose third field is its time in microseconds, and whose fifth and
 * sixth say when it ended. Those count that ended after `began`, in milliseconds since 1970.
 */
function answersOf(folder: string, began: number): Answers {
  const lines = readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), "utf8").split("\n"),
  );
  let last = began;
  const times: number[] = [];
  for (const line of lines) {
    const [, , microseconds, , seconds, fraction] = line.split(" ").map(Number);
    const ended = (seconds ?? 0) * 1000 + (fraction ?? 0) / 1000;
    if (microseconds === undefined || !(ended >= began)) continue;
    times.push(microseconds / 1000);
    last = Math.max(last, ended);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))] ?? 0;
  return { count: times.length, seconds: (last - began) / 1000, p50: at(0.5), p99: at(0.99) };
}
