/** The servers that are compared, each as it is run in production: how to start it and where it answers. */

import { resolve } from "node:path";
import { database } from "./dataset.js";
import type { Postgres } from "./postgres.js";
import { freePort, Running } from "./process.js";
import { jwtKey } from "./token.js";
import type { Dialect } from "./workload.js";

/** The program, built with the project's release profile unless told otherwise. */
export const binary = resolve(process.env.BRAIN_BIN ?? "../target/release/brainmessenger");

const environment = { PATH: process.env.PATH, HOME: process.env.HOME, LANG: "C.UTF-8" };

/** An HTTP server that has been started. */
export interface Server {
  readonly dialect: Dialect;
  /** Where GraphQL is asked. */
  readonly url: string;
  readonly process: Running;
}

/** The whole server over the bench's database, or another. The first start runs the migrations. */
export async function startBrainMessenger(
  postgres: Postgres,
  folder: string,
  other: { database?: string; environment?: Record<string, string> } = {},
): Promise<Server> {
  const address = `127.0.0.1:${await freePort()}`;
  const started = await Running.start("BrainMessenger", binary, [], {
    cwd: folder,
    ready: address,
    env: {
      ...environment,
      ...other.environment,
      DATABASE_URL: postgres.url(other.database ?? database),
      BRAIN_DATA_DIR: folder,
      BRAIN_LISTEN: address,
      BRAIN_METRICS_LISTEN: `127.0.0.1:${await freePort()}`,
      BRAIN_ENV: "development",
      BRAIN_LOG: "warn",
      NHOST_JWT_SECRET: JSON.stringify({ type: "HS256", key: jwtKey }),
    },
  });
  return { dialect: "brainmessenger", url: `http://${address}/v1/graphql`, process: started };
}

/** The engine alone, over any database and metadata. */
export async function startEngine(url: string, metadata: string): Promise<Server> {
  const address = `127.0.0.1:${await freePort()}`;
  const args = ["engine", "--database-url", url, "--metadata", metadata, "--listen", address];
  const started = await Running.start("the engine", binary, args, {
    cwd: metadata,
    ready: address,
    env: {
      ...environment,
      BRAIN_LOG: "warn",
      HASURA_GRAPHQL_ADMIN_SECRET: "bench-only-administrator-secret",
      HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type: "HS256", key: jwtKey }),
    },
  });
  return { dialect: "brainmessenger", url: `http://${address}/v1/graphql`, process: started };
}

/** PostGraphile or NestJS: a file of `servers`, run by the Node that `package.json` pins. */
export async function startNode(
  postgres: Postgres,
  dialect: "postgraphile" | "nest",
): Promise<Server> {
  const port = await freePort();
  const started = await Running.start(dialect, nodeBinary, [`build/servers/${dialect}.js`], {
    cwd: process.cwd(),
    ready: "ready",
    env: {
      ...environment,
      NODE_ENV: "production",
      GRAPHILE_ENV: "production",
      DATABASE_URL: postgres.url(database),
      JWT_KEY: jwtKey,
      PORT: String(port),
      POOL: "10",
    },
  });
  return { dialect, url: `http://127.0.0.1:${port}/graphql`, process: started };
}

/** The Node that runs this is the one that is measured: `scripts/bench.sh` sees to it. */
const nodeBinary = process.execPath;
