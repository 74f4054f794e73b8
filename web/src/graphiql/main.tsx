/** @jsxImportSource react */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { fetcher } from "./fetcher";
import "./page.css";

const headers = JSON.stringify({ "x-hasura-admin-secret": "" }, null, 2);
const query = `# Who you are, say the headers below: x-hasura-admin-secret, or authorization: "Bearer …".
# Without either you are nobody, and see what the role public may.
{
  __typename
}
`;

const root = document.getElementById("graphiql");
// Secrets are not kept: the headers are gone when the page is. The history, a plugin, would keep them with each query.
const plugins: [] = [];
if (root !== null) {
  createRoot(root).render(
    <GraphiQL
      fetcher={fetcher}
      plugins={plugins}
      defaultQuery={query}
      defaultHeaders={headers}
      defaultEditorToolsVisibility="headers"
      shouldPersistHeaders={false}
    />,
  );
}
