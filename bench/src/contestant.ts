/** Those who are compared, in one form: something that is made ready, takes a load, and is put away. */

import { join } from "node:path";
import { bodyOf } from "./agreement.js";
import type { Answers } from "./measure.js";
import type { PgbenchScript } from "./pgbench.js";
import type { Postgres } from "./postgres.js";
import { type Server, startBrainMessenger } from "./systems.js";
import type { Target, Workload } from "./workload.js";
import { workloads } from "./workload.js";
import { LoadFile } from "./wrk.js";

/** Seconds of a load: those that do not count, in which connections, plans and caches are made, and those that do. */
export interface Times {
  readonly warm: number;
  readonly measured: number;
}

/** Ready for a load. */
export interface Ready {
  /** The process that answers; null: nothing stands before PostgreSQL. */
  readonly pid: number | null;
  /** Takes a load, at first for some seconds that do not count; `begin` is called when they are over. */
  load(workload: Workload, connections: number, times: Times, begin: () => void): Promise<Answers>;
  /** Nothing of it works any more when this is done. */
  away(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  ready(): Promise<Ready>;
}

export const brainMessengerName = "BrainMessenger";
export const pgbenchName = "pgbench, the same SQL";

/** The requests of all workloads in one dialect, by workload. */
export function loadFiles(
  folder: string,
  dialect: Server["dialect"],
  targets: ReadonlyMap<Workload, readonly Target[]>,
): Map<Workload, LoadFile> {
  return new Map(
    workloads.map((workload) => {
      const requests = (targets.get(workload) ?? []).map((target) => ({
        token: target.token,
        body: bodyOf(dialect, workload, target),
      }));
      return [
        workload,
        new LoadFile(join(folder, `${dialect}-${workload.name}`), workload.leastBytes, requests),
      ];
    }),
  );
}

/**
 * The whole server. It runs only while its turn is: it follows the log of commits, and what others write should not
 * cost them its work.
 */
export function brainMessenger(
  postgres: Postgres,
  folder: string,
  files: ReadonlyMap<Workload, LoadFile>,
): Contestant {
  return {
    name: brainMessengerName,
    async ready() {
      const server = await startBrainMessenger(postgres, folder);
      return { ...taking(server, files), away: () => server.process.stop() };
    },
  };
}

/** A server that does nothing while nobody asks it. It stays, and what its runtime has compiled stays with it. */
export function standing(
  name: string,
  server: Server,
  files: ReadonlyMap<Workload, LoadFile>,
): Contestant {
  return {
    name,
    ready: async () => ({ ...taking(server, files), away: async () => server.process.check() }),
  };
}

/** PostgreSQL alone. */
export function pgbench(
  postgres: Postgres,
  scripts: ReadonlyMap<Workload, PgbenchScript>,
): Contestant {
  const load = (workload: Workload, connections: number, times: Times, begin: () => void) => {
    const script = scripts.get(workload);
    if (script === undefined) throw new Error(`no script for ${workload.name}`);
    return script.run(postgres, connections, times, begin);
  };
  return { name: pgbenchName, ready: async () => ({ pid: null, load, away: async () => {} }) };
}

function taking(
  server: Server,
  files: ReadonlyMap<Workload, LoadFile>,
): Pick<Ready, "pid" | "load"> {
  return {
    pid: server.process.pid,
    async load(workload, connections, { warm, measured }, begin) {
      const file = files.get(workload);
      if (file === undefined) throw new Error(`no requests for ${workload.name}`);
      await file.send(server.url, connections, warm);
      begin();
      return file.send(server.url, connections, measured);
    },
  };
}
