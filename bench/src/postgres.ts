/** The PostgreSQL of the bench: a data folder of its own, with settings that are stated and the same for all. */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { freePort, run } from "./process.js";

/** What differs from PostgreSQL's own defaults. Everything that makes a commit safe is on, as it is by default. */
export const serverSettings: Record<string, string> = {
  shared_buffers: "1GB",
  effective_cache_size: "4GB",
  work_mem: "16MB",
  maintenance_work_mem: "256MB",
  random_page_cost: "1.1",
  // No checkpoint falls into a measurement: the bench asks for one before each.
  max_wal_size: "16GB",
  checkpoint_timeout: "1h",
  // Live queries follow the log of commits.
  wal_level: "logical",
  // Compiling a plan costs more than running a short statement.
  jit: "off",
  max_connections: "200",
};

/** Outside /tmp, which may be in memory: a commit, and a file, must reach a disk. */
export const dataRoot = "/var/tmp";

export class Postgres {
  readonly port: number;
  readonly version: string;
  private readonly folder: string;
  private readonly bin: string;

  private constructor(folder: string, bin: string, port: number, version: string) {
    this.folder = folder;
    this.bin = bin;
    this.port = port;
    this.version = version;
  }

  static async start(): Promise<Postgres> {
    const bin = findPrograms();
    const version = (await run(join(bin, "postgres"), ["--version"], { seconds: 10 })).trim();
    const folder = mkdtempSync(join(dataRoot, "brain-bench-"));
    chmodSync(folder, 0o755);
    if (isRoot()) await run("chown", ["postgres", folder], { seconds: 10 });
    const postgres = new Postgres(folder, bin, await freePort(), version);
    process.once("exit", () => postgres.stop());
    const options = Object.entries({
      ...serverSettings,
      port: String(postgres.port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: folder,
    });
    const settings = options.map(([name, value]) => `-c ${name}=${value}`).join(" ");
    await postgres.runAsServer("initdb", [
      "-D",
      postgres.data,
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
    ]);
    await postgres.runAsServer("pg_ctl", [
      "-D",
      postgres.data,
      "-l",
      postgres.log,
      "-w",
      "-o",
      settings,
      "start",
    ]);
    return postgres;
  }

  /** Ends it at once and throws its folder away. Waits for nothing, so that it can be done at the very end, too. */
  stop(): void {
    if (!existsSync(this.folder)) return;
    const [command, ...args] = this.asServer("pg_ctl", [
      "-D",
      this.data,
      "-m",
      "immediate",
      "-w",
      "stop",
    ]);
    spawnSync(command, args, { cwd: this.folder, stdio: "ignore" });
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The process that has started all others of the server. */
  get pid(): number {
    return Number(readFileSync(join(this.data, "postmaster.pid"), "utf8").split("\n")[0]);
  }

  /** Where the server writes what it is told to log. */
  get log(): string {
    return join(this.folder, "log");
  }

  program(name: string): string {
    return join(this.bin, name);
  }

  url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}?sslmode=disable`;
  }

  /** Runs a file of SQL by psql. */
  async runFile(
    database: string,
    file: string,
    variables: Record<string, string | number>,
  ): Promise<void> {
    const set = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
    await run(
      this.program("psql"),
      ["-qX", "-v", "ON_ERROR_STOP=1", ...set, "-f", file, this.url(database)],
      { seconds: 900 },
    );
  }

  /** Asks one question on a connection of its own. */
  async ask<Row extends pg.QueryResultRow>(
    database: string,
    sql: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  private get data(): string {
    return join(this.folder, "data");
  }

  /** A command line of PostgreSQL's, which refuses to run as root. */
  private asServer(program: string, args: string[]): [string, ...string[]] {
    const command: [string, ...string[]] = [this.program(program), ...args];
    return isRoot() ? ["runuser", "-u", "postgres", "--", ...command] : command;
  }

  private async runAsServer(program: string, args: string[]): Promise<void> {
    const [command, ...rest] = this.asServer(program, args);
    await run(command, rest, { seconds: 120, cwd: this.folder });
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** `BRAIN_PG_BIN`, or the newest that Debian's packages have installed. */
function findPrograms(): string {
  const given = process.env.BRAIN_PG_BIN;
  if (given) return given;
  const root = "/usr/lib/postgresql";
  const versions = readdirSync(root).map(Number).filter(Number.isFinite);
  if (versions.length === 0)
    throw new Error("no PostgreSQL in /usr/lib/postgresql: set BRAIN_PG_BIN");
  return join(root, String(Math.max(...versions)), "bin");
}
