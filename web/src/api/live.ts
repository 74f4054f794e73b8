/**
 * Live queries over one WebSocket (graphql-transport-ws). A lost connection is taken up again by itself, with a
 * fresh token and after a wait; every live query then begins with its whole present state, so nothing is missed.
 */

import { createClient } from "graphql-ws";
import { backoff } from "../domain/backoff";
import type { Operation } from "./documents";
import { nhost, socketUrl } from "./nhost";
import { type Problem, toProblem } from "./problem";
import { renewSession } from "./renewal";

/** How often the connection is tried, and how long an answer may take before it counts as dead. */
const pingEvery = 10_000;
const pongWithin = 5_000;

/** Tells whether live queries are connected. */
export type LinkListener = (connected: boolean) => void;

let linkListener: LinkListener = () => {};
let socket: WebSocket | undefined;
let pongDue: ReturnType<typeof setTimeout> | undefined;
let refused = false;
const waiting = new Set<() => void>();

const client = createClient({
  url: socketUrl,
  lazyCloseTimeout: 3_000,
  connectionAckWaitTimeout: pongWithin,
  keepAlive: pingEvery,
  retryAttempts: Number.POSITIVE_INFINITY,
  shouldRetry: () => true,
  retryWait: (retries) => pause(backoff(retries)),
  connectionParams: async () => {
    if (refused) await renewSession();
    else await nhost.refreshSession();
    refused = false;
    const token = nhost.getUserSession()?.accessToken;
    return token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } };
  },
  on: {
    opened: (opened) => {
      socket = opened as WebSocket;
    },
    connected: () => linkListener(true),
    ping: (received) => {
      if (!received) expectPong();
    },
    pong: (received) => {
      if (received) clearTimeout(pongDue);
    },
    closed: (event) => {
      socket = undefined;
      clearTimeout(pongDue);
      const { code } = event as CloseEvent;
      refused = code === 4401 || code === 4403;
      linkListener(false);
    },
  },
});

/** Sets who is told when the connection comes and goes. */
export function listenToLink(listener: LinkListener): void {
  linkListener = listener;
}

/** Closes the connection at once; live queries that still run connect again, as whoever is signed in by then. */
export function reconnect(): void {
  client.terminate();
}

/** Follows a live query until the returned function is called. It is taken up again after any failure. */
export function watch<Data, Variables extends Record<string, unknown>>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  onData: (data: Data) => void,
  onProblem: (problem: Problem) => void = () => {},
): () => void {
  let stopped = false;
  let tries = 0;
  let unsubscribe = () => {};

  const again = async () => {
    await pause(backoff(tries++));
    if (!stopped) subscribe();
  };
  const report = (error: unknown) => {
    const problem = toProblem(error);
    if (problem.code === "signedOut") renewToken();
    onProblem(problem);
  };
  const subscribe = () => {
    unsubscribe = client.subscribe<unknown>(
      { query: operation.query, variables },
      {
        next: ({ data, errors }) => {
          if (stopped) return;
          try {
            if (errors !== undefined) throw errors;
            onData(operation.read(data));
            tries = 0;
          } catch (error) {
            report(error);
          }
        },
        error: (error) => {
          if (stopped) return;
          report(error);
          void again();
        },
        complete: () => {
          if (!stopped) void again();
        },
      },
    );
  };
  subscribe();
  return () => {
    stopped = true;
    unsubscribe();
  };
}

/** Waits, but not longer than until the network or the person comes back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      waiting.delete(done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    waiting.add(done);
  });
}

/** The token that this connection began with is no longer taken: begin again with a new one. */
function renewToken(): void {
  refused = true;
  reconnect();
}

function expectPong(): void {
  clearTimeout(pongDue);
  pongDue = setTimeout(reconnect, pongWithin);
}

/** After a sleep or a change of network a connection may be dead without anybody having been told. */
function wake(): void {
  if (document.visibilityState === "hidden") return;
  for (const done of [...waiting]) done();
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send('{"type":"ping"}');
    expectPong();
  }
}

addEventListener("online", wake);
document.addEventListener("visibilitychange", wake);
