/** Three questions beside the comparison: what a plan made anew costs, whether a request costs more over a large schema, and what a server costs that does nothing. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bodyOf } from "./agreement.js";
import { type Measurement, measure } from "./measure.js";
import type { Postgres } from "./postgres.js";
import type { Settings } from "./settings.js";
import { type Server, startEngine } from "./systems.js";
import { tokenFor } from "./token.js";
import type { Target, Workload } from "./workload.js";
import { LoadFile, type LoadRequest, ping } from "./wrk.js";

/** How many documents are sent that were never seen; more than are kept, so that going round meets none again. */
const documentCount = 20_000;

/** The same question by a known document and by new ones, once in each rotation. */
export interface Plans {
  readonly known: Measurement[];
  readonly fresh: Measurement[];
}

/** Seconds of load before what is measured, in which plans are made and pages are read. */
const warmSeconds = 1;

/**
 * The same page by a document that is known and by documents that are new, each under a name of its own. The SQL is the
 * same, so that PostgreSQL has it prepared and the difference is the engine's.
 */
export async function newPlans(
  folder: string,
  server: Server,
  workload: Workload,
  targets: readonly Target[],
  settings: Settings,
): Promise<Plans> {
  const asked = Array.from({ length: documentCount }, (_, number): LoadRequest => {
    const target = targets[number % targets.length] as Target;
    const body = bodyOf(server.dialect, workload, target);
    return { token: target.token, body };
  });
  const renamed = asked.map(({ token, body }, number) => ({
    token,
    body: body.replace("query MessagePage", `query Page${number}`),
  }));
  const known = new LoadFile(join(folder, "known"), workload.leastBytes, asked);
  const fresh = new LoadFile(join(folder, "fresh"), workload.leastBytes, renamed);
  const slot = (load: LoadFile) =>
    measure(() => load.send(server.url, 1, settings.seconds), server.process.pid, null);
  await known.send(server.url, 1, warmSeconds);
  const plans: Plans = { known: [], fresh: [] };
  for (let rotation = 0; rotation < settings.rotations; rotation++) {
    plans.known.push(await slot(known));
    plans.fresh.push(await slot(fresh));
  }
  return plans;
}

/** How many tables are tracked in the two metadata folders. */
export const schemaSizes = [10, 1_000] as const;

const wideDatabase = "wide";

/** The same question over the same database, of whose tables few or many are tracked. */
export async function schemaSize(
  folder: string,
  postgres: Postgres,
  { rotations, seconds }: Settings,
): Promise<Map<number, Measurement[]>> {
  await makeWideDatabase(postgres);
  const userId = crypto.randomUUID();
  const body = JSON.stringify({
    query:
      "query One($id: bigint!) { t1(where: { id: { _eq: $id } }) { id name parent { id name } } }",
    variables: { id: 7 },
  });
  const load = new LoadFile(join(folder, "wide"), 20, [{ token: tokenFor(userId), body }]);
  const found = new Map<number, Measurement[]>();
  for (let rotation = 0; rotation < rotations; rotation++) {
    for (const size of schemaSizes) {
      const metadata = join(folder, `metadata-${size}`);
      writeMetadata(metadata, size);
      const server = await startEngine(postgres.url(wideDatabase), metadata);
      try {
        await load.send(server.url, 8, warmSeconds);
        const one = await measure(
          () => load.send(server.url, 8, seconds),
          server.process.pid,
          postgres,
        );
        found.set(size, [...(found.get(size) ?? []), one]);
      } finally {
        await server.process.stop();
      }
    }
  }
  return found;
}

async function makeWideDatabase(postgres: Postgres): Promise<void> {
  await postgres.ask("postgres", `create database ${wideDatabase}`);
  await postgres.ask(
    wideDatabase,
    `do $$
     begin
       for n in 1..${Math.max(...schemaSizes)} loop
         execute format(
           'create table t%s (id bigint primary key, name text not null, parent_id bigint references t%s (id))', n, n);
       end loop;
       insert into t1 select n, 'Row ' || n, nullif(n / 2, 0) from generate_series(1, 1000) n;
     end $$`,
  );
}

/** Metadata in Hasura's form; JSON is YAML. */
function writeMetadata(folder: string, size: number): void {
  mkdirSync(join(folder, "databases"), { recursive: true });
  const tables = Array.from({ length: size }, (_, index) => ({
    table: { schema: "public", name: `t${index + 1}` },
    object_relationships: [{ name: "parent", using: { foreign_key_constraint_on: "parent_id" } }],
    select_permissions: [
      { role: "user", permission: { columns: ["id", "name", "parent_id"], filter: {} } },
    ],
  }));
  const databases = [
    {
      name: "default",
      kind: "postgres",
      configuration: {
        connection_info: { database_url: { from_env: "HASURA_GRAPHQL_DATABASE_URL" } },
      },
      tables,
    },
  ];
  writeFileSync(join(folder, "version.yaml"), "version: 3\n");
  writeFileSync(join(folder, "databases", "databases.yaml"), JSON.stringify(databases));
}

/** The program's own `/healthz`: the same HTTP server without any work. */
export async function nothing(
  server: Server,
  connections: number,
  seconds: number,
): Promise<Measurement> {
  const url = new URL("/healthz", server.url).href;
  return measure(() => ping(url, connections, seconds), server.process.pid, null);
}
