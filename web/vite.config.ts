import { defineConfig } from "vite";

// The server that `npm run dev` talks to; the built client is served by the server itself.
const server = "http://127.0.0.1:3000";

export default defineConfig({
  build: {
    target: "es2022",
    // Every asset is a file of its own, so that the page needs no inline content at all.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // GraphiQL's editor is what it is; the client is far below.
    chunkSizeWarningLimit: 3_000,
    // GraphiQL is a page of its own: the client shares nothing with it.
    rolldownOptions: {
      input: { client: "index.html", graphiql: "graphiql.html" },
      // Its libraries say where they may run; that means nothing in a browser.
      onLog: (level, log, tell) => {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") tell(level, log);
      },
    },
  },
  server: {
    proxy: { "/v1": { target: server, ws: true } },
  },
});
