/** The caller's chats. */

import { Args, Context, Int, Parent, Query, ResolveField, Resolver } from "@nestjs/graphql";
import { Database, type Prepared } from "./database.js";
import { Chat, Message } from "./model.js";
import { callerOf, type RequestContext } from "./token.guard.js";

const chatsOf: Prepared = {
  name: "chats_of",
  text: `
    select c.id, c.type, c.name, c.member_count as "memberCount", c.last_message_at as "lastMessageAt",
      greatest(c.last_seq - m.last_read_seq, 0)::int as "unreadCount"
    from public.chat_members m
    join public.chats c on c.id = m.chat_id
    where m.user_id = $1 and m.left_at is null
    order by c.last_message_at desc nulls last, c.id desc
    limit $2`,
};

@Resolver(() => Chat)
export class ChatResolver {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  @Query(() => [Chat])
  chats(
    @Args("limit", { type: () => Int }) limit: number,
    @Context() context: RequestContext,
  ): Promise<Chat[]> {
    return this.database.rows<Chat>(chatsOf, [callerOf(context), Math.min(limit, 100)]);
  }

  @ResolveField(() => Message, { nullable: true })
  lastMessage(@Parent() chat: Chat, @Context() context: RequestContext): Promise<Message | null> {
    return context.loaders.lastMessage.load(chat.id);
  }
}
