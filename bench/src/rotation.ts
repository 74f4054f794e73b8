/** The rotations: all contestants one after the other at the same question, again and again. */

import type { Contestant } from "./contestant.js";
import { database } from "./dataset.js";
import { type Measurement, measure } from "./measure.js";
import type { Postgres } from "./postgres.js";
import type { Comparison } from "./report.js";
import type { Settings } from "./settings.js";
import { type Workload, workloads } from "./workload.js";

/** Seconds of load before what is measured, for connections, plans and pages. */
const warmSeconds = 2;

/** Seconds of load that each gets once before all, in which runtimes compile. */
const firstSeconds = 3;

/** Measures every contestant at every workload and number of connections, in each rotation. */
export async function rotate(
  postgres: Postgres,
  settings: Settings,
  contestants: readonly Contestant[],
  say: (line: string) => void,
): Promise<Map<Workload, Comparison[]>> {
  for (const contestant of contestants) await warm(contestant, settings);
  const found = new Map<string, Measurement[]>();
  const of = (workload: Workload, connections: number, { name }: Contestant) => {
    const key = `${workload.name} ${connections} ${name}`;
    const list = found.get(key) ?? [];
    found.set(key, list);
    return list;
  };
  for (let rotation = 0; rotation < settings.rotations; rotation++) {
    // Who comes first has a colder machine: the order turns round.
    const order = rotation % 2 === 0 ? contestants : contestants.toReversed();
    for (const workload of workloads) {
      for (const connections of settings.connections) {
        for (const contestant of order) {
          const measured = await slot(
            postgres,
            contestant,
            workload,
            connections,
            settings.seconds,
          );
          of(workload, connections, contestant).push(measured);
          say(
            `rotation ${rotation + 1}, ${workload.name}, ${connections} connections, ${contestant.name}: ` +
              `${Math.round(measured.perSecond)}/s`,
          );
        }
      }
    }
  }
  return new Map(
    workloads.map((workload) => {
      const comparisons = settings.connections.map((connections) => {
        const rows = contestants.map((contestant) => {
          return { name: contestant.name, measurements: of(workload, connections, contestant) };
        });
        return { connections, rows };
      });
      return [workload, comparisons];
    }),
  );
}

async function slot(
  postgres: Postgres,
  contestant: Contestant,
  workload: Workload,
  connections: number,
  seconds: number,
): Promise<Measurement> {
  const ready = await contestant.ready();
  try {
    // What was written before is on the disk, and all begin alike.
    if (workload.writes) await postgres.ask(database, "checkpoint");
    const before = workload.writes ? await messageCount(postgres) : 0;
    let answered = 0;
    const load = async (begin: () => void) => {
      const answers = await ready.load(
        workload,
        connections,
        { warm: warmSeconds, measured: seconds },
        begin,
      );
      answered = answers.count;
      return answers;
    };
    const measured = await measure(load, ready.pid, postgres);
    if (workload.writes) {
      const written = (await messageCount(postgres)) - before;
      if (written < answered) {
        throw new Error(
          `${contestant.name} answered ${answered} times, and ${written} messages were written`,
        );
      }
    }
    return measured;
  } finally {
    await ready.away();
  }
}

async function warm(contestant: Contestant, settings: Settings): Promise<void> {
  const ready = await contestant.ready();
  try {
    for (const workload of workloads) {
      await ready.load(
        workload,
        Math.max(...settings.connections),
        { warm: firstSeconds, measured: 1 },
        () => {},
      );
    }
  } finally {
    await ready.away();
  }
}

/** By the chats' own counts: counting the rows would read the table and warm it. */
async function messageCount(postgres: Postgres): Promise<number> {
  const [row] = await postgres.ask<{ count: string }>(
    database,
    "select sum(last_seq) as count from public.chats",
  );
  return Number(row?.count);
}
