/** The engine's own statements, run by pgbench without any server in between. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Times } from "./contestant.js";
import { database } from "./dataset.js";
import type { Answers } from "./measure.js";
import type { Postgres } from "./postgres.js";
import { run } from "./process.js";
import type { Settings } from "./settings.js";
import type { Statement } from "./statement.js";
import type { Workload } from "./workload.js";

/**
 * A workload as a script.
 *
 * pgbench's variables are numbers or what stands on its command line, so that an id that varies and is no number
 * is made by the statement itself, once, in a sub-select. All else is the engine's text, its values parameters.
 */
export class PgbenchScript {
  private readonly path: string;
  private readonly variables: string[] = [];

  constructor(folder: string, workload: Workload, statement: Statement) {
    this.path = join(folder, `${workload.name}.sql`);
    const { target, clientId } = statement;
    const parameters = statement.values.map((value, index) => {
      if (value === String(target.chatId) && target.chatId !== 0) return ":chat";
      const made = value
        .replace(target.userId, `'||${workload.caller}||'`)
        .replace(clientId, "'||gen_random_uuid()||'");
      if (made !== value) return expression(made);
      this.variables.push("-D", `constant${index}=${value}`);
      return `:constant${index}`;
    });
    // A second UUID would be another one.
    const madeUuids = statement.sql.split(`$${1 + statement.values.indexOf(clientId)})`).length - 1;
    if (workload.writes && madeUuids !== 1)
      throw new Error(`the client's id stands ${madeUuids} times in ${statement.sql}`);
    // pgbench would take them for variables.
    if (/(?<!:):[A-Za-z0-9_]/.test(statement.sql)) throw new Error(`a colon in ${statement.sql}`);
    const sql = statement.sql.replaceAll(
      /\$(\d+)/g,
      (_, number) => parameters[Number(number) - 1] ?? "",
    );
    writeFileSync(this.path, `${workload.pgbench}\n${sql};\n`);
  }

  async run(
    postgres: Postgres,
    { settings, busyChats }: { settings: Settings; busyChats: number },
    connections: number,
    { warm, measured }: Times,
    begin: () => void,
  ): Promise<Answers> {
    const folder = mkdtempSync(`${this.path}-`);
    const sizes = { people: settings.people, chats: settings.chats, busy_chats: busyChats };
    const args = [
      ...[
        "-n",
        "-M",
        "prepared",
        "-c",
        String(connections),
        "-j",
        "1",
        "-T",
        String(warm + measured),
      ],
      ...["-f", this.path, "--log", "--log-prefix", join(folder, "log"), ...this.variables],
      ...Object.entries(sizes).flatMap(([name, value]) => ["-D", `${name}=${value}`]),
      postgres.url(database),
    ];
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

function expression(text: string): string {
  const whole = /^'\|\|([^|]*)\|\|'$/.exec(text)?.[1];
  return whole === undefined ? `(select '${text}')` : `(select ${whole})`;
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
