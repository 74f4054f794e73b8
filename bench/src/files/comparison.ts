/** The comparison of files: all ways one after the other at the same question, again and again. */

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Answers, type Measurement, measure } from "../measure.js";
import { dataRoot, type Postgres } from "../postgres.js";
import { cpuSeconds, run } from "../process.js";
import type { Settings } from "../settings.js";
import { Client } from "./client.js";
import { content, whole } from "./content.js";
import { load } from "./load.js";
import { ObjectStore } from "./store.js";
import { makeHome, type Open, straight, throughServer, type Way } from "./way.js";

export interface FileMeasurement extends Measurement {
  /** Microseconds of processor time per request; null: the store is not on this way. */
  readonly storeCpu: number | null;
  /** Microseconds of the client, which is this program. */
  readonly clientCpu: number;
}

export type Direction = "upload" | "download";

export interface Question {
  readonly direction: Direction;
  readonly bytes: number;
  readonly connections: number;
}

/** What was measured at one question: by the way's name, once in each rotation. */
export interface FileComparison {
  readonly question: Question;
  readonly rows: ReadonlyMap<string, FileMeasurement[]>;
}

/** Seconds of load that do not count, in which connections are made. */
const warmSeconds = 1;

/** How much lies ready to be downloaded, of each size: the same files again and again, which are in memory by then. */
const readyBytes = 64 * 2 ** 20;

const questions: readonly Question[] = (["upload", "download"] as const).flatMap((direction) =>
  [100 * 2 ** 10, 2 ** 20, 16 * 2 ** 20].flatMap((bytes) =>
    [1, 8].map((connections) => ({ direction, bytes, connections })),
  ),
);

/** Measures every way at every question, in each rotation. */
export async function compareFiles(
  postgres: Postgres,
  settings: Settings,
  say: (line: string) => void,
): Promise<FileComparison[]> {
  const root = mkdtempSync(join(dataRoot, "brain-bench-files-"));
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  const store = await ObjectStore.start(join(root, "store"));
  try {
    const ways = [
      straight(store),
      throughServer(postgres, await makeHome(postgres, root, "files_bucket", 1), store),
      throughServer(postgres, await makeHome(postgres, root, "files_folder", 1), null),
    ];
    const ready = new Map<Way, Ready>();
    for (const way of ways) {
      ready.set(way, await prepare(way));
      say(`${way.name}: what goes up comes down the same`);
    }
    const slot = new Slot(root, postgres, store, settings.fileSeconds);
    return await rotate(settings, ways, say, (way, question) =>
      slot.measure(way, question, ready.get(way)?.get(question.bytes) ?? []),
    );
  } finally {
    await store.process.stop();
  }
}

/** Names of files to download, by their size. */
type Ready = ReadonlyMap<number, readonly string[]>;

/** Uploads what is to be downloaded, and looks whether it comes back byte for byte. */
async function prepare(way: Way): Promise<Ready> {
  const open = await way.open();
  const client = new Client(1);
  try {
    const ready = new Map<number, string[]>();
    for (const bytes of new Set(questions.map((question) => question.bytes))) {
      const names: string[] = [];
      for (let size = 0; size < readyBytes; size += bytes) {
        names.push(await open.put(client, content(bytes)));
      }
      ready.set(bytes, names);
      const got = await client.read(open.read(names[0] ?? ""), 200);
      if (!got.equals(whole(bytes))) throw new Error(`${way.name} gives other bytes than it took`);
    }
    return ready;
  } finally {
    client.close();
    await open.close();
  }
}

async function rotate(
  settings: Settings,
  ways: readonly Way[],
  say: (line: string) => void,
  slot: (way: Way, question: Question) => Promise<FileMeasurement>,
): Promise<FileComparison[]> {
  const found = questions.map((question) => ({
    question,
    rows: new Map(ways.map(({ name }) => [name, [] as FileMeasurement[]])),
  }));
  for (let rotation = 0; rotation < settings.rotations; rotation++) {
    // Who comes first has a colder machine: the order turns round.
    const order = rotation % 2 === 0 ? ways : ways.toReversed();
    for (const { question, rows } of found) {
      for (const way of order) {
        const measured = await slot(way, question);
        rows.get(way.name)?.push(measured);
        const { direction, bytes, connections } = question;
        say(
          `rotation ${rotation + 1}, ${direction} of ${bytes} bytes, ${connections} at once, ${way.name}: ` +
            `${measured.perSecond.toFixed(1)}/s`,
        );
      }
    }
  }
  return found;
}

/** One way at one question. */
class Slot {
  constructor(
    private readonly root: string,
    private readonly postgres: Postgres,
    private readonly store: ObjectStore,
    private readonly seconds: number,
  ) {}

  async measure(way: Way, question: Question, ready: readonly string[]): Promise<FileMeasurement> {
    // What was written before is on the disk, and all begin alike.
    await run("sync", ["-f", this.root], { seconds: 120 });
    await this.postgres.ask("postgres", "checkpoint");
    const open = await way.open();
    const client = new Client(question.connections);
    const kept: string[] = [];
    try {
      return await this.costs(way, open, (begin) =>
        this.run(client, open, question, ready, kept, begin),
      );
    } finally {
      await removeAll(client, open, kept, question.connections);
      client.close();
      await open.close();
    }
  }

  private async run(
    client: Client,
    open: Open,
    { direction, bytes, connections }: Question,
    ready: readonly string[],
    kept: string[],
    begin: () => void,
  ): Promise<Answers> {
    const upload = async () => {
      kept.push(await open.put(client, content(bytes)));
    };
    let turn = 0;
    const download = async () => {
      const name = ready[turn++ % ready.length] ?? "";
      const length = await client.count(open.read(name), 200);
      if (length !== bytes) throw new Error(`${length} of ${bytes} bytes came`);
    };
    const one = direction === "upload" ? upload : download;
    await load(one, connections, warmSeconds);
    begin();
    return load(one, connections, this.seconds);
  }

  /** What a load costs the server and PostgreSQL, and beside them the store and the client. */
  private async costs(
    way: Way,
    open: Open,
    run: (begin: () => void) => Promise<Answers>,
  ): Promise<FileMeasurement> {
    const used = () => ({ store: cpuSeconds(this.store.process.pid), client: process.cpuUsage() });
    let before = used();
    let after = before;
    let count = 1;
    const watched = async (begin: () => void) => {
      const answers = await run(() => {
        before = used();
        begin();
      });
      after = used();
      count = answers.count;
      return answers;
    };
    const database = open.server === null ? null : this.postgres;
    const measured = await measure(watched, open.server, database);
    const client =
      after.client.user - before.client.user + after.client.system - before.client.system;
    return {
      ...measured,
      storeCpu: way.throughStore ? ((after.store - before.store) * 1e6) / count : null,
      clientCpu: client / count,
    };
  }
}

/** Takes away what a slot has put, so that the disk does not fill. */
async function removeAll(
  client: Client,
  open: Open,
  names: string[],
  connections: number,
): Promise<void> {
  const remove = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      await open.remove(client, name);
    }
  };
  await Promise.all(Array.from({ length: connections }, remove));
}
