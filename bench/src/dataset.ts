/** The database of the bench: the project's migrations, run by the program itself, and rows made by PostgreSQL. */

import type { Postgres } from "./postgres.js";
import type { Settings } from "./settings.js";
import { tokenFor } from "./token.js";
import type { Target, Workload } from "./workload.js";

export const database = "bench";

/** Fills the migrated database. */
export async function fill(postgres: Postgres, settings: Settings): Promise<void> {
  const { people: users, chats, messages } = settings;
  await postgres.runFile(database, "sql/dataset.sql", { users, chats, messages });
  await postgres.runFile(database, "sql/postgraphile.sql", {});
}

/** How many people each load goes round in; each asks about eight chats. */
const callers = 250;

/** People and chats for a workload, chosen by the database at random. */
export async function targetsFor(postgres: Postgres, workload: Workload): Promise<Target[]> {
  const rows = await postgres.ask<{ userId: string; chatId: string }>(
    database,
    `select picked.caller as "userId", chat as "chatId"
     from generate_series(1, $1) n cross join lateral (select * from bench.pick($2 + 0 * n)) picked
     cross join unnest(picked.chats) chat
     order by random()`,
    [callers, workload.leastMessages],
  );
  return rows.map(({ userId, chatId }) => ({
    userId,
    token: tokenFor(userId),
    chatId: Number(chatId),
  }));
}

/** Somebody who is not in a target's chat and asks about it all the same. */
export async function strangerTo(postgres: Postgres, { chatId }: Target): Promise<Target> {
  const [row] = await postgres.ask<{ userId: string }>(
    database,
    `select u.id as "userId" from auth.users u
     where not exists (select from public.chat_members m where m.chat_id = $1 and m.user_id = u.id) limit 1`,
    [chatId],
  );
  if (row === undefined) throw new Error(`everybody is in chat ${chatId}`);
  return { userId: row.userId, token: tokenFor(row.userId), chatId };
}

/** A sentence about what is in the database. */
export async function describe(postgres: Postgres): Promise<string> {
  const [row] = await postgres.ask<Record<string, string>>(
    database,
    `select
       (select count(*) from auth.users) as people, (select count(*) from public.chats) as chats,
       (select count(*) from public.chat_members) as members, (select count(*) from public.messages) as messages,
       (select max(member_count) from public.chats) as largest, (select max(last_seq) from public.chats) as longest,
       pg_size_pretty(pg_database_size(current_database())) as size`,
  );
  return (
    `${row?.people} people, ${row?.chats} chats (the largest has ${row?.largest} members, the longest ` +
    `${row?.longest} messages), ${row?.members} memberships, ${row?.messages} messages; ${row?.size}`
  );
}
