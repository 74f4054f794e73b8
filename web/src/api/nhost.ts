/** The one SDK client. The page is served by the server itself, so the services are at its own address. */

import { createClient } from "@nhost/nhost-js";
import type { ChainFunction } from "@nhost/nhost-js/fetch";

const base = `${location.origin}/v1`;

/** A request for data that takes longer than this has failed. Files may take as long as they need. */
const timeout = 15_000;

const withTimeout: ChainFunction = (next) => (url, options) =>
  next(url, { ...options, signal: options?.signal ?? AbortSignal.timeout(timeout) });

/** Auth, storage and GraphQL; keeps the session in local storage and renews it before it ends. */
export const nhost = createClient({
  authUrl: base,
  storageUrl: base,
  graphqlUrl: `${base}/graphql`,
  functionsUrl: `${base}/functions`,
  configure: [
    ({ auth, graphql }) => {
      auth.pushChainFunction(withTimeout);
      graphql.pushChainFunction(withTimeout);
    },
  ],
});

/** Where live queries connect to. */
export const socketUrl = nhost.graphql.url.replace(/^http/, "ws");
