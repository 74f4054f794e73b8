import { defineConfig } from "vite";

// The server that `npm run dev` talks to; the built client is served by the server itself.
const server = "http://127.0.0.1:3000";

export default defineConfig({
  build: {
    target: "es2022",
    // Every asset is a file of its own, so that the page needs no inline content at all.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "/v1": { target: server, ws: true } },
  },
});
