/** The results as a Markdown text, with what they were measured on. */

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { pgbenchName } from "./contestant.js";
import type { Plans } from "./extra.js";
import { type Measurement, median, medianOf, spread, whole } from "./measure.js";
import { type Postgres, serverSettings } from "./postgres.js";
import type { Settings } from "./settings.js";
import type { Workload } from "./workload.js";

/** One row's figures of all rotations. */
export interface Row {
  readonly name: string;
  readonly measurements: readonly Measurement[];
}

/** What is compared at one number of connections; every row was measured once in each rotation. */
export interface Comparison {
  readonly connections: number;
  readonly rows: readonly Row[];
}

const head = [
  "| connections | through | requests/s | of pgbench | p50 ms | p99 ms | server µs/request | PostgreSQL µs/request | server MiB |",
  "|--:|---|--:|--:|--:|--:|--:|--:|--:|",
];

/** What a run was made on. */
export interface Conditions {
  readonly began: Date;
  readonly machine: string;
  readonly postgres: Postgres;
}

/** All that a run has found about requests for messages. */
export interface Findings {
  /** What is in the database. */
  readonly content: string;
  readonly settings: Settings;
  readonly compared: ReadonlyMap<Workload, readonly Comparison[]>;
  readonly idle: readonly Comparison[];
  readonly plans: Plans;
  readonly sizes: ReadonlyMap<number, readonly Measurement[]>;
}

/** The whole text: what it was measured on, and a section for each question. */
export function report(conditions: Conditions, sections: readonly string[]): string {
  return [titled("Measured", conditions), ...sections, ""].join("\n\n");
}

/** The head of a text: what was done, when, and on what. */
export function titled(done: string, { began, machine, postgres }: Conditions): string {
  const set = Object.entries(serverSettings).map(([name, value]) => `${name}=${value}`);
  return [
    `# ${done} on ${began.toISOString().slice(0, 16).replace("T", " ")} UTC`,
    "",
    `- Machine: ${machine}`,
    `- ${postgres.version}, ${set.join(", ")}`,
    `- Node ${process.version}`,
  ].join("\n");
}

/** Messages: the comparison, and what was asked of our own program alone. */
export function messageSections(findings: Findings): string[] {
  const { settings, compared } = findings;
  const tables = [...compared].map(
    ([workload, comparisons]) =>
      `## ${workload.title}\n\n${comparisonTable(comparisons, pgbenchName)}`,
  );
  return [
    `- Database: ${findings.content}\n- ${packageVersions(packages)}`,
    `Each figure is the median of ${settings.rotations} slots of ${settings.seconds} s. The ratio to pgbench is the median of the\n` +
      "ratios inside each rotation, with the lowest and the highest.",
    ...tables,
    `## A server that does nothing\n\n${comparisonTable(findings.idle, "")}`,
    `## A plan made anew\n\n${plansTable(findings.plans)}`,
    `## The size of the schema\n\n${sizesTable(findings.sizes)}`,
  ];
}

const packages = [
  "postgraphile",
  "@nestjs/core",
  "@nestjs/apollo",
  "@apollo/server",
  "graphql",
  "pg",
  "dataloader",
];

function plansTable({ known, fresh }: Plans): string {
  const line = (name: string, measurements: readonly Measurement[]) => {
    const one = medianOf(measurements);
    return `| ${name} | ${one.p50.toFixed(3)} | ${one.p99.toFixed(3)} | ${whole(one.serverCpu)} |`;
  };
  // Within a rotation, for the machine drifts.
  const difference = (read: (one: Measurement) => number) =>
    median(fresh.map((one, rotation) => read(one) - read(known[rotation] ?? one)));
  return [
    "The message page at one connection, by a document that the server knows and by documents that it has never seen.",
    "",
    "| document | p50 ms | p99 ms | server µs/request |",
    "|---|--:|--:|--:|",
    line("known", known),
    line("never seen", fresh),
    `| the plan | ${difference((one) => one.p50).toFixed(3)} | | ${whole(difference((one) => one.serverCpu ?? 0))} |`,
  ].join("\n");
}

function sizesTable(sizes: Findings["sizes"]): string {
  const lines = [...sizes].map(([size, measurements]) => {
    const middle = medianOf(measurements);
    const figures = [
      whole(middle.perSecond),
      middle.p50.toFixed(2),
      whole(middle.serverCpu),
      whole(middle.postgresCpu),
    ];
    return `| ${size.toLocaleString("en")} | ${figures.join(" | ")} | ${whole(middle.memory)} |`;
  });
  return [
    "One row and its parent by the key, at 8 connections, over one database of 1,000 tables.",
    "",
    "| tracked tables | requests/s | p50 ms | server µs/request | PostgreSQL µs/request | server MiB |",
    "|--:|--:|--:|--:|--:|--:|",
    ...lines,
  ].join("\n");
}

/** The table of one workload. `base` is the row whose rate is 1. */
function comparisonTable(comparisons: readonly Comparison[], base: string): string {
  const lines = comparisons.flatMap(({ connections, rows }) => {
    const one = rows.find(({ name }) => name === base);
    return rows.map((row) => line(connections, row, one));
  });
  return [...head, ...lines].join("\n");
}

function line(connections: number, { name, measurements }: Row, base: Row | undefined): string {
  const middle = medianOf(measurements);
  // The machine drifts: a ratio holds within its rotation only.
  const ratios = measurements.map((one, rotation) => {
    const other = base?.measurements[rotation];
    return other === undefined ? Number.NaN : one.perSecond / other.perSecond;
  });
  const ratio = base === undefined ? "" : `${median(ratios).toFixed(2)} (${spread(ratios)})`;
  const cells = [
    connections,
    name,
    Math.round(middle.perSecond).toLocaleString("en"),
    ratio,
    middle.p50.toFixed(2),
    middle.p99.toFixed(2),
    whole(middle.serverCpu),
    whole(middle.postgresCpu),
    whole(middle.memory),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** What the machine is, and how busy it was before anything began: with a load of others, no figure holds. */
export function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
  return `${cpus().length} × ${first?.model.trim()}, ${memory} GiB, Linux ${release()}; load before the run ${load}`;
}

/** The versions that the lock file has of some packages. */
function packageVersions(names: readonly string[]): string {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version?: string }>;
  };
  return names
    .map((name) => `${name} ${lock.packages[`node_modules/${name}`]?.version}`)
    .join(", ");
}
