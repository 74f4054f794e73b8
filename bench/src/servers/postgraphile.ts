/**
 * PostGraphile 5 as its documentation sets it up for production: the amber preset, a role with row-level security,
 * the caller's id in a setting of the transaction, the token verified for each request.
 */

import { createServer } from "node:http";
import { PgSimplifyInflectionPreset } from "@graphile/simplify-inflection";
import jwt from "jsonwebtoken";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { jsonPgSmartTags } from "postgraphile/utils";

const { DATABASE_URL, JWT_KEY, PORT, POOL } = process.env;
if (!DATABASE_URL || !JWT_KEY) throw new Error("DATABASE_URL and JWT_KEY are needed");
const key = JWT_KEY;

/** What PostgreSQL's catalog does not say: the key of a view, to whom it relates, what may be ordered by. */
const tags = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      "public.people": { tags: { primaryKey: "id" } },
      "public.messages": {
        tags: { foreignKey: "(sender_id) references public.people (id)|@fieldName sender" },
        attribute: { seq: { tags: { behavior: "+orderBy" } } },
      },
      "public.chats": { attribute: { last_message_at: { tags: { behavior: "+orderBy" } } } },
    },
    procedure: { "bench_api.send_message": { tags: { name: "send_message" } } },
  },
});

const preset: GraphileConfig.Preset = {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  plugins: [tags],
  pgServices: [
    makePgService({
      connectionString: DATABASE_URL,
      schemas: ["public", "bench_api"],
      poolConfig: { max: Number(POOL ?? 10) },
    }),
  ],
  // People write through functions alone.
  schema: { defaultBehavior: "-insert -update -delete" },
  grafast: {
    explain: false,
    context(requestContext) {
      const header = requestContext.node?.req.headers.authorization ?? "";
      const claims = jwt.verify(header.replace(/^Bearer /, ""), key, { algorithms: ["HS256"] });
      if (typeof claims === "string" || claims.sub === undefined) throw new Error("no person");
      return { pgSettings: { role: "bench_person", "jwt.claims.user_id": claims.sub } };
    },
  },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false, websockets: false },
};

const server = createServer();
const instance = postgraphile(preset);
const serving = instance.createServ(grafserv);
await serving.addTo(server);
await instance.getSchema();
server.listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(0));
