/** Live queries as any client would do them: the `graphql-ws` package, nothing of ours. */

import { createClient } from "graphql-ws";
import WebSocket from "ws";

/** Follows a live query; every state it sends can be waited for. */
export function follow<Data>(
  graphqlUrl: string,
  token: string,
  query: string,
  variables: Record<string, unknown> = {},
) {
  const client = createClient({
    url: graphqlUrl.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { headers: { Authorization: `Bearer ${token}` } },
    retryAttempts: 0,
  });
  const states: Data[] = [];
  let wake = () => {};
  let failure: unknown;
  client.subscribe<Data>(
    { query, variables },
    {
      next: ({ data, errors }) => {
        if (errors !== undefined) failure = errors;
        else if (data) states.push(data);
        wake();
      },
      error: (error) => {
        failure = error;
        wake();
      },
      complete: () => wake(),
    },
  );
  return {
    /** Waits for a state that fits. States before it count as well. */
    async until(fits: (data: Data) => boolean, within = 5_000): Promise<Data> {
      const deadline = Date.now() + within;
      for (;;) {
        if (failure !== undefined) throw new Error(`live query failed: ${JSON.stringify(failure)}`);
        const found = states.find(fits);
        if (found !== undefined) return found;
        const left = deadline - Date.now();
        if (left <= 0) throw new Error(`not seen within ${within} ms: ${JSON.stringify(states)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, left);
        });
      }
    },
    close: () => client.dispose(),
  };
}
