-- What hangs on messages: reactions, pins; and what is not a message yet: drafts.

alter table public.messages
  add column reaction_counts jsonb;

comment on column public.messages.reaction_counts is 'How many reacted with what: {"👍": 2}; null: nobody';

create table public.message_reactions (
  chat_id bigint not null,
  message_id bigint not null,
  user_id uuid not null,
  emoji text not null,
  seq bigint not null,
  created_at timestamptz not null default now(),
  constraint message_reactions_pkey primary key (chat_id, message_id, user_id, emoji),
  constraint message_reactions_emoji_check check (emoji ~ '^\S+$' and char_length(emoji) <= 16),
  constraint message_reactions_message_id_fkey
    foreign key (message_id) references public.messages (id) on delete cascade,
  constraint message_reactions_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
);

comment on table public.message_reactions is 'Who reacted to what with which emoji';

create index message_reactions_message_id_idx on public.message_reactions (message_id);
create index message_reactions_user_id_idx on public.message_reactions (user_id);

create table public.pinned_messages (
  chat_id bigint not null,
  message_id bigint not null,
  seq bigint not null,
  pinned_by uuid,
  pinned_at timestamptz not null default now(),
  constraint pinned_messages_pkey primary key (chat_id, message_id),
  constraint pinned_messages_message_id_fkey
    foreign key (message_id) references public.messages (id) on delete cascade,
  constraint pinned_messages_chat_id_fkey foreign key (chat_id) references public.chats (id) on delete cascade
);

comment on table public.pinned_messages is 'Messages that a chat keeps at hand';

create index pinned_messages_message_id_idx on public.pinned_messages (message_id);

create table public.drafts (
  user_id uuid not null,
  chat_id bigint not null,
  content text not null,
  reply_to_id bigint,
  updated_at timestamptz not null default now(),
  constraint drafts_pkey primary key (user_id, chat_id),
  constraint drafts_content_check check (char_length(content) between 1 and 10000),
  constraint drafts_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
  constraint drafts_chat_id_fkey foreign key (chat_id) references public.chats (id) on delete cascade,
  constraint drafts_reply_to_id_fkey foreign key (reply_to_id) references public.messages (id) on delete set null
);

comment on table public.drafts is 'What somebody has begun to write in a chat; nobody else sees it';

create index drafts_chat_id_idx on public.drafts (chat_id);
create index drafts_reply_to_id_idx on public.drafts (reply_to_id) where reply_to_id is not null;

insert into public.rule_errors (code, message) values
  ('too-many-reactions', 'A message can have 20 kinds of reactions at most'),
  ('too-many-pins', 'A chat can have 100 pinned messages at most');

-- The message is locked first, then (when it is counted) the chat.
create function public.message_reactions_before_insert() returns trigger
language plpgsql as $$
declare
  message public.messages;
  chat public.chats;
begin
  select m.* into message from public.messages m where m.id = new.message_id for no key update;
  if not found or message.deleted_at is not null then
    perform public.refuse('no-such-message');
  end if;
  new.chat_id := message.chat_id;
  new.seq := message.seq;
  select c.* into chat from public.chats c where c.id = message.chat_id;
  if chat.type = 'direct' and public.are_blocked(chat.user_id, chat.peer_id) then
    perform public.refuse('blocked');
  end if;
  if not coalesce(message.reaction_counts, '{}') ? new.emoji
    and (select count(*) from jsonb_object_keys(message.reaction_counts)) >= 20
  then
    perform public.refuse('too-many-reactions');
  end if;
  return new;
end
$$;

create trigger message_reactions_before_insert
before insert on public.message_reactions
for each row execute function public.message_reactions_before_insert();

-- A reaction is a change of its message. As the owner: an account that Nhost Auth deletes takes its reactions along.
create function public.message_reactions_count() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  reaction public.message_reactions;
  step integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
  if tg_op = 'INSERT' then
    reaction := new;
  else
    reaction := old;
  end if;
  update public.messages m
  set
    reaction_counts = nullif(
      jsonb_strip_nulls(coalesce(m.reaction_counts, '{}') || jsonb_build_object(
        reaction.emoji, nullif(coalesce((m.reaction_counts ->> reaction.emoji)::integer, 0) + step, 0)
      )),
      '{}'
    )
  -- What a deletion for all takes along was counted with it.
  where m.id = reaction.message_id and m.deleted_at is null;
  return null;
end
$$;

create trigger message_reactions_count
after insert or delete on public.message_reactions
for each row execute function public.message_reactions_count();

create function public.pinned_messages_before_insert() returns trigger
language plpgsql as $$
declare
  message public.messages;
begin
  select m.* into message from public.messages m where m.id = new.message_id for key share;
  if not found or message.deleted_at is not null then
    perform public.refuse('no-such-message');
  end if;
  new.chat_id := message.chat_id;
  new.seq := message.seq;
  perform from public.chats c where c.id = message.chat_id for no key update;
  if (
    select count(*) from public.pinned_messages p where p.chat_id = new.chat_id and p.message_id <> new.message_id
  ) >= 100 then
    perform public.refuse('too-many-pins');
  end if;
  return new;
end
$$;

create trigger pinned_messages_before_insert
before insert on public.pinned_messages
for each row execute function public.pinned_messages_before_insert();

create function public.pinned_messages_after_insert() returns trigger
language plpgsql as $$
begin
  perform public.post_chat_event(
    new.chat_id, 'pinned', new.pinned_by, jsonb_build_object('messageId', new.message_id, 'seq', new.seq)
  );
  return null;
end
$$;

create trigger pinned_messages_after_insert
after insert on public.pinned_messages
for each row when (new.pinned_by is not null)
execute function public.pinned_messages_after_insert();

create function public.drafts_before_update() returns trigger
language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create trigger drafts_before_update
before update on public.drafts
for each row execute function public.drafts_before_update();

-- Deletion for all takes along what hangs on the message.
create function public.messages_before_deletion() returns trigger
language plpgsql as $$
begin
  new.reaction_counts := null;
  new.forwarded_sender_id := null;
  return new;
end
$$;

create trigger messages_before_deletion
before update on public.messages
for each row when (old.deleted_at is null and new.deleted_at is not null)
execute function public.messages_before_deletion();

create function public.messages_after_deletion() returns trigger
language plpgsql as $$
begin
  delete from public.message_reactions r where r.chat_id = new.chat_id and r.message_id = new.id;
  delete from public.message_edits e where e.chat_id = new.chat_id and e.message_id = new.id;
  delete from public.pinned_messages p where p.chat_id = new.chat_id and p.message_id = new.id;
  return null;
end
$$;

create trigger messages_after_deletion
after update on public.messages
for each row when (old.deleted_at is null and new.deleted_at is not null)
execute function public.messages_after_deletion();
