/** `@nhost/nhost-js` 3 as it is, in a page: what of it needs a browser cannot be tried without one. */

import { resolve } from "node:path";
import type { NhostClient } from "nhost-v3";
import type { Server } from "./server.js";
import type { ChatWindow } from "./window.js";

const bundle = resolve("node_modules/nhost-v3/umd/nhost-js.umd.js");

/** What stands in the page once it is loaded. */
interface Loaded {
  "@nhost/nhost-js": { NhostClient: typeof NhostClient };
  nhost: NhostClient;
}

/** Loads the SDK into the page, and makes a client as a page does at its start: it reads the page's address. */
export async function load(window: ChatWindow, server: Server): Promise<void> {
  await window.page.evaluate(() => {
    // What bundlers put beside it: the package that documents need which are not text, and an environment.
    Object.assign(globalThis, { graphql: {}, process: { env: {} } });
  });
  await window.page.addScriptTag({ path: bundle });
  await window.page.evaluate((address) => {
    const loaded = globalThis as unknown as Loaded;
    loaded.nhost = new loaded["@nhost/nhost-js"].NhostClient({
      authUrl: `${address}/v1/auth`,
      storageUrl: `${address}/v1/storage`,
      graphqlUrl: `${address}/v1/graphql`,
      functionsUrl: `${address}/v1/functions`,
    });
  }, server.address);
}

/** Runs a function of the SDK's client in the page. */
export function inPage<Argument, Result>(
  window: ChatWindow,
  act: (nhost: NhostClient, argument: Argument) => Promise<Result> | Result,
  argument: Argument,
): Promise<Result> {
  return window.page.evaluate(
    async ([text, argument]) => {
      // Playwright carries text alone: the function is made anew from its own.
      const act = new Function(`return (${text})`)();
      return await act((globalThis as unknown as Loaded).nhost, argument);
    },
    [act.toString(), argument] as const,
  ) as Promise<Result>;
}
