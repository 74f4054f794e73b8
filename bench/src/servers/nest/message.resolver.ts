/** Reading and sending messages, by who is in the chat. */

import { ForbiddenException } from "@nestjs/common";
import {
  Args,
  Context,
  ID,
  Int,
  Mutation,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from "@nestjs/graphql";
import { Database, type Prepared } from "./database.js";
import { Message, Person } from "./model.js";
import { callerOf, type RequestContext } from "./token.guard.js";

const newestOf: Prepared = {
  name: "newest_of",
  text: `
    select m.id, m.chat_id as "chatId", m.seq::int as seq, m.sender_id as "senderId", m.client_id as "clientId",
      m.content, m.file_url as "fileUrl", m.reply_to_id as "replyToId", m.created_at as "createdAt",
      m.edited_at as "editedAt", m.deleted_at as "deletedAt"
    from public.chat_members reader
    join public.messages m on m.chat_id = reader.chat_id and m.seq >= reader.first_seq
    where reader.chat_id = $1 and reader.user_id = $2 and reader.left_at is null
    order by m.seq desc
    limit $3`,
};

const send: Prepared = {
  name: "send",
  text: `
    insert into public.messages (chat_id, sender_id, client_id, content, as_person)
    select c.id, m.user_id, $3, $4, m.user_id
    from public.chat_members m
    join public.chats c on c.id = m.chat_id
    where m.chat_id = $1 and m.user_id = $2 and m.left_at is null
      and (c.type <> 'channel' or m.role in ('owner', 'admin'))
    on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id
    returning id, chat_id as "chatId", seq::int as seq, sender_id as "senderId", client_id as "clientId", content,
      created_at as "createdAt"`,
};

@Resolver(() => Message)
export class MessageResolver {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  @Query(() => [Message])
  messages(
    @Args("chatId", { type: () => ID }) chatId: string,
    @Args("limit", { type: () => Int }) limit: number,
    @Context() context: RequestContext,
  ): Promise<Message[]> {
    return this.database.rows<Message>(newestOf, [chatId, callerOf(context), Math.min(limit, 100)]);
  }

  @Mutation(() => Message)
  async sendMessage(
    @Args("chatId", { type: () => ID }) chatId: string,
    @Args("clientId", { type: () => ID }) clientId: string,
    @Args("content") content: string,
    @Context() context: RequestContext,
  ): Promise<Message> {
    const [sent] = await this.database.rows<Message>(send, [
      chatId,
      callerOf(context),
      clientId,
      content,
    ]);
    if (sent === undefined) throw new ForbiddenException();
    return sent;
  }

  @ResolveField(() => Person, { nullable: true })
  async sender(
    @Parent() message: Message,
    @Context() context: RequestContext,
  ): Promise<Person | null> {
    return message.senderId === null ? null : context.loaders.people.load(message.senderId);
  }
}
