/** The types of the API. */

import { Field, ID, Int, ObjectType } from "@nestjs/graphql";

@ObjectType()
export class Person {
  @Field(() => ID)
  id!: string;

  @Field(() => String, { nullable: true })
  displayName!: string | null;

  @Field(() => String, { nullable: true })
  avatarUrl!: string | null;
}

@ObjectType()
export class Message {
  @Field(() => ID)
  id!: string;

  @Field(() => ID)
  chatId!: string;

  @Field(() => Int)
  seq!: number;

  @Field(() => ID, { nullable: true })
  senderId!: string | null;

  @Field(() => ID, { nullable: true })
  clientId!: string | null;

  @Field(() => String, { nullable: true })
  content!: string | null;

  @Field(() => String, { nullable: true })
  fileUrl!: string | null;

  @Field(() => ID, { nullable: true })
  replyToId!: string | null;

  @Field(() => Date)
  createdAt!: Date;

  @Field(() => Date, { nullable: true })
  editedAt!: Date | null;

  @Field(() => Date, { nullable: true })
  deletedAt!: Date | null;

  @Field(() => Person, { nullable: true })
  sender?: Person | null;
}

@ObjectType()
export class Chat {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  type!: string;

  @Field(() => String, { nullable: true })
  name!: string | null;

  @Field(() => Int)
  memberCount!: number;

  @Field(() => Date, { nullable: true })
  lastMessageAt!: Date | null;

  @Field(() => Int)
  unreadCount!: number;

  @Field(() => Message, { nullable: true })
  lastMessage?: Message | null;
}
