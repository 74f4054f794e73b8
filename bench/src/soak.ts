/** Whether memory stays flat: people upload large files through the server into the bucket, one after another. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "./files/client.js";
import { content } from "./files/content.js";
import { soakReport, type Upload, verdict } from "./files/memory.js";
import { ObjectStore } from "./files/store.js";
import { filesOf, type Home, makeHome } from "./files/way.js";
import { dataRoot, Postgres } from "./postgres.js";
import { pause, residentMebibytes } from "./process.js";
import { machine } from "./report.js";
import { positive } from "./settings.js";
import { type Server, startBrainMessenger } from "./systems.js";

/** Between two looks at the server's memory. */
const sampleMilliseconds = 100;

/** An upload before those that count: what any upload needs is there then. */
const firstBytes = 1_000_000;

const clients = positive("SOAK_CLIENTS", process.env.SOAK_CLIENTS, 50);
const bytes = positive("SOAK_BYTES", process.env.SOAK_BYTES, 1_000_000_000);
const began = new Date();
const before = machine();
const root = mkdtempSync(join(dataRoot, "brain-soak-"));
// Whatever ends this program, nothing that it has started stays.
process.once("exit", () => rmSync(root, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
const postgres = await Postgres.start();
const store = await ObjectStore.start(join(root, "store"));
const home = await makeHome(postgres, root, "soak", clients);
const server = await startBrainMessenger(postgres, home.folder, {
  database: home.database,
  environment: store.environment,
});
try {
  const idle = await afterFirst(server, home);
  const uploads: Upload[] = [];
  for (const person of home.people) {
    const upload = await watched(server, person);
    uploads.push(upload);
    const { seconds, highest } = upload;
    console.error(
      `${uploads.length} of ${clients}: ${seconds.toFixed(1)} s, at most ${highest.toFixed(1)} MiB`,
    );
  }
  await checkThatNothingIsLeft(home);
  const conditions = { began, machine: before, postgres };
  const text = soakReport(conditions, { bytes, idle, uploads });
  const results = `results/${began.toISOString().slice(0, 16).replaceAll(":", "")}-soak.md`;
  mkdirSync("results", { recursive: true });
  writeFileSync(results, text);
  console.log(text);
  console.error(`written to bench/${results}`);
  if (!verdict(idle, uploads).isFlat) process.exitCode = 1;
} finally {
  await server.process.stop();
  await store.process.stop();
}

/** The server's memory when it has taken one small file, in MiB. */
async function afterFirst(server: Server, home: Home): Promise<number> {
  await upload(server, home.people[0] ?? "", firstBytes);
  return residentMebibytes(server.process.pid);
}

/** One person's upload, by a client of its own, with the server's memory while it runs. */
async function watched(server: Server, person: string): Promise<Upload> {
  const samples: number[] = [];
  let isRunning = true;
  const sampling = (async () => {
    while (isRunning) {
      samples.push(residentMebibytes(server.process.pid));
      await pause(sampleMilliseconds);
    }
  })();
  const start = performance.now();
  try {
    await upload(server, person, bytes);
  } finally {
    isRunning = false;
    await sampling;
  }
  return { seconds: (performance.now() - start) / 1000, highest: Math.max(...samples) };
}

/** Uploads a file, and deletes it: the disk need not hold all of them. */
async function upload(server: Server, person: string, length: number): Promise<void> {
  const client = new Client(1);
  try {
    const files = filesOf(server.url, person);
    const id = await files.put(client, content(length));
    await files.remove(client, id);
  } finally {
    client.close();
  }
}

async function checkThatNothingIsLeft(home: Home): Promise<void> {
  const [row] = await postgres.ask<{ count: string }>(
    home.database,
    "select (select count(*) from storage.files) + (select count(*) from public.stored_objects) as count",
  );
  if (row?.count !== "0") throw new Error(`${row?.count} files and objects are left`);
}
