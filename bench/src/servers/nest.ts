/** A usual server by hand: NestJS with Apollo, `pg`, a data loader, and the token verified in a guard. */

import "reflect-metadata";
import type { IncomingMessage } from "node:http";
import { ApolloDriver, type ApolloDriverConfig } from "@nestjs/apollo";
import { Module } from "@nestjs/common";
import { APP_GUARD, NestFactory } from "@nestjs/core";
import { GraphQLModule } from "@nestjs/graphql";
import { JwtModule } from "@nestjs/jwt";
import { ChatResolver } from "./nest/chat.resolver.js";
import { Database } from "./nest/database.js";
import { DatabaseModule } from "./nest/database.module.js";
import { Loaders } from "./nest/loaders.js";
import { MessageResolver } from "./nest/message.resolver.js";
import { TokenGuard } from "./nest/token.guard.js";

const { JWT_KEY, PORT } = process.env;
if (!JWT_KEY) throw new Error("JWT_KEY is needed");

@Module({
  imports: [
    JwtModule.register({ secret: JWT_KEY, verifyOptions: { algorithms: ["HS256"] } }),
    GraphQLModule.forRootAsync<ApolloDriverConfig>({
      driver: ApolloDriver,
      imports: [DatabaseModule],
      inject: [Database],
      useFactory: (database: Database) => ({
        autoSchemaFile: true,
        introspection: false,
        context: ({ req }: { req: IncomingMessage }) => ({ req, loaders: new Loaders(database) }),
      }),
    }),
    DatabaseModule,
  ],
  providers: [ChatResolver, MessageResolver, { provide: APP_GUARD, useClass: TokenGuard }],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
await app.listen(Number(PORT), "127.0.0.1");
console.log("ready");
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(0));
