/**
 * Asks this server's API, as whoever the headers editor says: queries over HTTP, subscriptions over
 * graphql-transport-ws, where the same headers introduce the socket.
 */

import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { type DocumentNode, parse } from "graphql";
import { type Client, createClient } from "graphql-ws";

const path = "/v1/graphql";

/** A socket introduces itself once, so that other headers need another one. */
let socket: { headers: string; client: Client } | null = null;

function socketFor(headers: Record<string, unknown>): Client {
  const asked = JSON.stringify(headers);
  if (socket !== null && socket.headers === asked) return socket.client;
  void socket?.client.dispose();
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const client = createClient({ url: url.href, connectionParams: { headers }, lazy: true });
  socket = { headers: asked, client };
  return client;
}

/** A header without a value is one that is not filled in yet. */
function filledIn(headers: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ""));
}

/** The editor's own tree follows its text a moment later: who is quick would ask for a subscription over HTTP. */
function treeOf(query: string): { documentAST?: DocumentNode } {
  try {
    return { documentAST: parse(query) };
  } catch {
    return {};
  }
}

export const fetcher: Fetcher = (parameters, options) => {
  const headers = filledIn(options?.headers ?? {});
  const ask = createGraphiQLFetcher({ url: path, wsClient: socketFor(headers) });
  return ask(parameters, { ...options, headers, ...treeOf(parameters.query) });
};
