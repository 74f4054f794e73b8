/** Lets in who shows a good token, and keeps whose it is. */

import type { IncomingMessage } from "node:http";
import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from "@nestjs/common";
import { GqlExecutionContext } from "@nestjs/graphql";
import { JwtService } from "@nestjs/jwt";
import type { Loaders } from "./loaders.js";

/** What the resolvers of one request share. */
export interface RequestContext {
  readonly req: IncomingMessage;
  readonly loaders: Loaders;
  userId?: string;
}

@Injectable()
export class TokenGuard implements CanActivate {
  private readonly jwt: JwtService;

  constructor(jwt: JwtService) {
    this.jwt = jwt;
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const context = GqlExecutionContext.create(execution).getContext<RequestContext>();
    const [scheme, token] = context.req.headers.authorization?.split(" ") ?? [];
    if (scheme !== "Bearer" || token === undefined) throw new UnauthorizedException();
    try {
      const { sub } = await this.jwt.verifyAsync<{ sub: string }>(token);
      context.userId = sub;
    } catch {
      throw new UnauthorizedException();
    }
    return true;
  }
}

/** Whose request it is; the guard has seen to it that there is somebody. */
export function callerOf(context: RequestContext): string {
  if (context.userId === undefined) throw new UnauthorizedException();
  return context.userId;
}
