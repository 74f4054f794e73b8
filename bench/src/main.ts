/** The whole comparison: the database, the servers, the rotations, files, the report. It ends by itself. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkAgreement } from "./agreement.js";
import { brainMessenger, loadFiles, pgbench, standing } from "./contestant.js";
import { database, describe, fill, strangerTo, targetsFor } from "./dataset.js";
import { newPlans, nothing, schemaSize } from "./extra.js";
import { compareFiles } from "./files/comparison.js";
import { fileSections } from "./files/report.js";
import { PgbenchScript } from "./pgbench.js";
import { Postgres } from "./postgres.js";
import { type Conditions, machine, messageSections, report } from "./report.js";
import { rotate } from "./rotation.js";
import { readSettings, type Settings } from "./settings.js";
import { statementsOf } from "./statement.js";
import { type Server, startBrainMessenger, startNode } from "./systems.js";
import { type Target, type Workload, workloads } from "./workload.js";

type Targets = ReadonlyMap<Workload, readonly Target[]>;

const settings = readSettings(process.argv.slice(2), process.env);
const began = new Date();
const before = machine();
const say = (line: string) => console.error(`${elapsed()} ${line}`);
const folder = mkdtempSync(join(tmpdir(), "brain-bench-"));
// Whatever ends this program, nothing that it has started stays.
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
const postgres = await Postgres.start();
const conditions: Conditions = { began, machine: before, postgres };
const sections: string[] = [];
if (settings.parts.includes("messages")) sections.push(...(await compareMessages()));
if (settings.parts.includes("files")) {
  sections.push(...fileSections(await compareFiles(postgres, settings, say), settings));
}
const text = report(conditions, sections);
const results = `results/${began.toISOString().slice(0, 16).replaceAll(":", "")}.md`;
mkdirSync("results", { recursive: true });
writeFileSync(results, text);
console.log(text);
say(`written to bench/${results}`);

async function compareMessages(): Promise<string[]> {
  await makeDatabase(postgres, settings);
  const targets: Targets = new Map(
    await Promise.all(
      workloads.map(async (workload) => [workload, await targetsFor(postgres, workload)] as const),
    ),
  );
  const content = await describe(postgres);
  say(content);
  const scripts = await pgbenchScripts(postgres, targets);
  const postgraphile = await startNode(postgres, "postgraphile");
  const nest = await startNode(postgres, "nest");
  try {
    await checkThatAllMeanTheSame(postgres, [postgraphile, nest], targets);
    const files = (dialect: Server["dialect"]) => loadFiles(folder, dialect, targets);
    const compared = await rotate(
      postgres,
      settings,
      [
        brainMessenger(postgres, folder, files("brainmessenger")),
        pgbench(postgres, scripts),
        standing("PostGraphile 5", postgraphile, files("postgraphile")),
        standing("NestJS + Apollo + pg", nest, files("nest")),
      ],
      say,
    );
    const alone = await measureAlone(postgres, settings, targets);
    return messageSections({ content, settings, compared, ...alone });
  } finally {
    await postgraphile.process.stop();
    await nest.process.stop();
  }
}

async function makeDatabase(postgres: Postgres, settings: Settings): Promise<void> {
  await postgres.ask("postgres", `create database ${database}`);
  const migrating = await startBrainMessenger(postgres, folder);
  await migrating.process.stop();
  say("migrated");
  await fill(postgres, settings);
}

async function pgbenchScripts(
  postgres: Postgres,
  targets: Targets,
): Promise<Map<Workload, PgbenchScript>> {
  // One whose chat's number cannot be taken for another number in the statement.
  const telling = (workload: Workload) =>
    (targets.get(workload) ?? []).find(({ chatId }) => chatId > 100) as Target;
  const statements = await statementsOf(postgres, folder, workloads, telling);
  return new Map(
    [...statements].map(([workload, found]) => [
      workload,
      new PgbenchScript(folder, workload, found),
    ]),
  );
}

async function checkThatAllMeanTheSame(
  postgres: Postgres,
  others: readonly Server[],
  targets: Targets,
): Promise<void> {
  const server = await startBrainMessenger(postgres, folder);
  try {
    for (const workload of workloads) {
      const asked = (targets.get(workload) ?? []).slice(0, 50);
      const stranger = await strangerTo(postgres, asked[0] as Target);
      await checkAgreement([server, ...others], workload, asked, stranger);
      say(`all answer ${workload.name} alike`);
    }
  } finally {
    await server.process.stop();
  }
}

/** What is asked of our own program alone. */
async function measureAlone(postgres: Postgres, settings: Settings, targets: Targets) {
  const page = workloads.find(({ name }) => name === "page") as Workload;
  const server = await startBrainMessenger(postgres, folder);
  try {
    const idle = [];
    for (const connections of settings.connections) {
      const measurements = [await nothing(server, connections, settings.seconds)];
      idle.push({ connections, rows: [{ name: "GET /healthz", measurements }] });
    }
    say("measured a server that does nothing");
    const plans = await newPlans(folder, server, page, targets.get(page) ?? [], settings);
    say("measured plans made anew");
    await server.process.stop();
    const sizes = await schemaSize(folder, postgres, settings);
    say("measured sizes of schemas");
    return { idle, plans, sizes };
  } finally {
    await server.process.stop();
  }
}

function elapsed(): string {
  const seconds = Math.round((Date.now() - began.getTime()) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}
