/** The ways that a file goes: through the server into a bucket, through it into its folder, and straight into the bucket. */

import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Postgres } from "../postgres.js";
import { startBrainMessenger } from "../systems.js";
import { tokenFor } from "../token.js";
import type { Body, Client } from "./client.js";
import { form } from "./content.js";
import type { ObjectStore } from "./store.js";

/** A way that can be gone now. */
export interface Open {
  /** The process of the server; null: there is none on this way. */
  readonly server: number | null;
  /** Sends a file, and gives its name, once it is kept. */
  put(client: Client, file: Body): Promise<string>;
  /** What is asked to get a file. */
  read(name: string): { method: "GET"; url: string; headers: Record<string, string> };
  remove(client: Client, name: string): Promise<void>;
  /** Nothing of it works any more when this is done. */
  close(): Promise<void>;
}

export interface Way {
  readonly name: string;
  /** Whether the bucket is on it. */
  readonly throughStore: boolean;
  open(): Promise<Open>;
}

/** The way that the others are compared to. */
export const straightName = "straight to the store";

/** The same client with addresses that are signed, and no server. */
export function straight(store: ObjectStore): Way {
  // What the server sends, too: the store refuses what does not say how it is to be encrypted.
  const headers = {
    "content-type": "application/octet-stream",
    "x-amz-server-side-encryption": "AES256",
  };
  const signed = { "x-amz-server-side-encryption": "AES256" };
  const open: Open = {
    server: null,
    async put(client, body) {
      const key = `uploads/${randomUUID()}/bench.bin`;
      const url = store.presign("PUT", key, signed);
      await client.count({ method: "PUT", url, headers, body }, 200);
      return key;
    },
    read: (key) => ({ method: "GET", url: store.presign("GET", key, {}), headers: {} }),
    async remove(client, key) {
      const url = store.presign("DELETE", key, {});
      await client.count({ method: "DELETE", url, headers: {} }, 204);
    },
    close: async () => {},
  };
  return { name: straightName, throughStore: true, open: async () => open };
}

/** Where a server of the bench keeps what it has: each has a database and a data folder of its own. */
export interface Home {
  readonly database: string;
  readonly folder: string;
  readonly people: readonly string[];
}

/** A database that the program has migrated, with people whose plan has room for anything, and a data folder. */
export async function makeHome(
  postgres: Postgres,
  root: string,
  database: string,
  count: number,
): Promise<Home> {
  const folder = join(root, database);
  mkdirSync(folder, { recursive: true });
  await postgres.ask("postgres", `create database ${database}`);
  const migrating = await startBrainMessenger(postgres, folder, { database });
  await migrating.process.stop();
  await postgres.ask(
    database,
    "update public.plans set max_upload_bytes = 2000000000, storage_bytes = null",
  );
  const rows = await postgres.ask<{ id: string }>(
    database,
    `insert into auth.users (display_name, email, locale)
     select 'Person ' || n, 'person' || n || '@example.org', 'en' from generate_series(1, $1) n returning id`,
    [count],
  );
  return { database, folder, people: rows.map(({ id }) => id) };
}

/** The server, with the bucket or, where none is given, with its folder. It runs only while the way is open. */
export function throughServer(postgres: Postgres, home: Home, store: ObjectStore | null): Way {
  return {
    name: store === null ? "BrainMessenger, folder" : "BrainMessenger, bucket",
    throughStore: store !== null,
    async open() {
      const server = await startBrainMessenger(postgres, home.folder, {
        database: home.database,
        environment: store?.environment ?? {},
      });
      const person = home.people[0];
      if (person === undefined) throw new Error(`nobody is in ${home.database}`);
      const asPerson = filesOf(server.url, person);
      return { server: server.process.pid, ...asPerson, close: () => server.process.stop() };
    },
  };
}

/** One person's files at a server whose GraphQL is at `url`. */
export function filesOf(url: string, person: string): Pick<Open, "put" | "read" | "remove"> {
  const files = new URL("/v1/files", url).href;
  const authorization = `Bearer ${tokenFor(person)}`;
  return {
    async put(client, file) {
      const { headers, body } = form(file);
      const sent = {
        method: "POST",
        url: files,
        headers: { ...headers, authorization },
        body,
      } as const;
      const answer = JSON.parse((await client.read(sent, 201)).toString()) as {
        processedFiles: { id: string; size: number }[];
      };
      const [kept] = answer.processedFiles;
      if (kept?.size !== file.length) throw new Error(`kept ${kept?.size} of ${file.length} bytes`);
      return kept.id;
    },
    read: (id) => ({ method: "GET", url: `${files}/${id}`, headers: { authorization } }),
    async remove(client, id) {
      await client.count(
        { method: "DELETE", url: `${files}/${id}`, headers: { authorization } },
        204,
      );
    },
  };
}
