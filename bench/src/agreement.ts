/** Whether the servers mean the same: each answers the same people's questions, and the answers are compared. */

import assert from "node:assert/strict";
import type { Server } from "./systems.js";
import type { Dialect, Target, Workload } from "./workload.js";

/** The JSON of a request; `clientId` takes the place of `@uuid@`. */
export function bodyOf(dialect: Dialect, workload: Workload, target: Target): string {
  // As clients send it: without what only people read.
  const query = workload.documents[dialect].replaceAll(/\s+/g, " ");
  return JSON.stringify({ query, variables: workload.variables(target) });
}

/** Asks once and gives `data`; fails at anything else. */
export async function requestOf(
  server: Server,
  workload: Workload,
  target: Target,
  clientId: string,
): Promise<Record<string, unknown>> {
  const answer = await fetch(server.url, {
    method: "POST",
    headers: { authorization: `Bearer ${target.token}`, "content-type": "application/json" },
    body: bodyOf(server.dialect, workload, target).replace("@uuid@", clientId),
  });
  const text = await answer.text();
  const { data, errors } = JSON.parse(text) as { data?: Record<string, unknown>; errors?: unknown };
  if (!answer.ok || errors !== undefined || !data) {
    throw new Error(
      `${server.dialect} answers ${workload.name} with ${answer.status} ${text.slice(0, 2000)}`,
    );
  }
  return data;
}

/** Compares what the servers answer to the same questions, and that each refuses who is no member. */
export async function checkAgreement(
  servers: readonly Server[],
  workload: Workload,
  targets: readonly Target[],
  stranger: Target,
): Promise<void> {
  for (const target of targets) {
    const clientId = crypto.randomUUID();
    const answers = [];
    for (const server of servers) {
      answers.push(plain(await requestOf(server, workload, target, clientId)));
    }
    for (const [index, answer] of answers.entries()) {
      assert.deepEqual(
        answer,
        answers[0],
        `${servers[index]?.dialect} answers ${workload.name} otherwise`,
      );
    }
  }
  if (workload.name === "list") return;
  for (const server of servers) {
    const given = await requestOf(server, workload, stranger, crypto.randomUUID()).catch(
      () => null,
    );
    assert(
      given === null || JSON.stringify(given).length < workload.leastBytes,
      `${server.dialect} lets strangers in`,
    );
  }
}

/** An answer in one form: names and nesting of ours, ids and numbers as text, times without their notation. */
function plain(answer: unknown): unknown {
  const [root] = Object.values(answer as Record<string, unknown>);
  return rowsOf(root).map(row);
}

function rowsOf(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value;
  if (isObject(value) && Array.isArray(value.nodes)) return value.nodes;
  if (isObject(value) && isObject(value.message)) return [value.message];
  return [value as Record<string, unknown>];
}

function row(value: Record<string, unknown>): Record<string, unknown> {
  const { membership, chatMembers, messages, lastMessage, lastSeq, ...rest } = value;
  const made: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(rest)) made[name] = scalar(name, field);
  if (isObject(membership)) made.unreadCount = String(membership.unreadCount);
  if (chatMembers !== undefined) {
    made.unreadCount = String(
      Math.max(0, Number(lastSeq) - Number(rowsOf(chatMembers)[0]?.lastReadSeq)),
    );
  }
  const last = lastMessage ?? (messages === undefined ? undefined : rowsOf(messages)[0]);
  if (isObject(last)) made.last = row(last);
  return made;
}

function scalar(name: string, value: unknown): unknown {
  if (isObject(value)) return row(value);
  if (value === null || value === undefined) return null;
  return name.endsWith("At") ? new Date(String(value)).getTime() : String(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
