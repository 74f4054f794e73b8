-- What people, other than the administrator, may do with messages: how fast they send, what a forward carries, until
-- when they edit, what deletion for all takes along.

alter table public.messages
  add column forwarded_sender_id uuid,
  -- Never kept: as in `chats`.
  add column as_person uuid;

comment on column public.messages.forwarded_sender_id is
  'Of a forward: who wrote the first one, also for those who cannot read it';
comment on column public.messages.as_person is 'Always null: on its way in, who writes as a person';

-- On the row that a sender's message touches anyway.
alter table public.chat_members
  add column sending_since timestamptz,
  add column sent_count integer not null default 0;

comment on column public.chat_members.sent_count is 'How many messages the person has sent here since sending_since';

insert into public.rule_errors (code, message) values
  ('edit-too-late', 'A message can be edited within 48 hours'),
  ('too-many-edits', 'A message can be edited 100 times at most'),
  ('no-such-message', 'There is no such message'),
  ('sending-too-fast', 'You are sending too many messages here: wait a minute');

-- As the first trigger of all: names decide.
create function public.messages_as_person() returns trigger
language plpgsql as $$
declare
  person_id uuid := new.as_person;
  chat public.chats;
  source public.messages;
  kept text;
begin
  new.as_person := null;
  if new.forwarded_from_id is not null and tg_op = 'INSERT' then
    select m.* into source from public.messages m where m.id = new.forwarded_from_id;
    new.forwarded_sender_id := coalesce(source.forwarded_sender_id, source.sender_id);
    -- Nobody puts words into the mouth of another.
    if person_id is not null then
      new.content := source.content;
      new.file_id := source.file_id;
    end if;
  end if;
  if person_id is null then
    return new;
  end if;

  if tg_op = 'INSERT' then
    -- Counted when the rows stand (below).
    kept := set_config('brain.person', person_id::text, true);
  elsif new.content is not distinct from old.content then
    return new;
  else
    if old.created_at < now() - interval '48 hours' then
      perform public.refuse('edit-too-late');
    end if;
    if (select count(*) from public.message_edits e where e.chat_id = new.chat_id and e.message_id = new.id) >= 100 then
      perform public.refuse('too-many-edits');
    end if;
  end if;

  select c.* into chat from public.chats c where c.id = new.chat_id;
  if chat.type = 'direct' and public.are_blocked(chat.user_id, chat.peer_id) then
    perform public.refuse('blocked');
  end if;
  return new;
end
$$;

create trigger messages_as_person
before insert or update on public.messages
for each row execute function public.messages_as_person();

-- As it was, with the sender's rate counted in the update that moves their read mark.
create or replace function public.messages_after_insert() returns trigger
language plpgsql as $$
declare
  counted record;
  person_id uuid := nullif(current_setting('brain.person', true), '')::uuid;
  kept text;
  sent integer;
begin
  for counted in
    select n.chat_id, max(n.seq) as seq, max(n.change) as change, max(n.created_at) as created_at
    from new_messages n group by n.chat_id order by n.chat_id
  loop
    update public.chats c
    set
      last_seq = greatest(c.last_seq, counted.seq),
      last_change = greatest(c.last_change, counted.change),
      last_message_at = greatest(c.last_message_at, counted.created_at)
    where c.id = counted.chat_id;
  end loop;
  -- Who writes has read what stands before.
  for counted in
    select n.chat_id, n.sender_id, max(n.seq) as seq, count(*)::integer as messages
    from new_messages n where n.sender_id is not null
    group by n.chat_id, n.sender_id order by n.chat_id, n.sender_id
  loop
    if counted.sender_id = person_id then
      update public.chat_members m
      set
        last_read_seq = greatest(m.last_read_seq, counted.seq),
        sending_since = case
          when m.sending_since > clock_timestamp() - interval '1 minute' then m.sending_since
          else clock_timestamp()
        end,
        sent_count = counted.messages + case
          when m.sending_since > clock_timestamp() - interval '1 minute' then m.sent_count
          else 0
        end
      where m.chat_id = counted.chat_id and m.user_id = counted.sender_id
      returning m.sent_count into sent;
      if sent > (select l.value from public.rule_limits l where l.name = 'messages-per-minute') then
        perform public.refuse('sending-too-fast');
      end if;
    else
      update public.chat_members m set last_read_seq = counted.seq
      where m.chat_id = counted.chat_id and m.user_id = counted.sender_id and m.last_read_seq < counted.seq;
    end if;
  end loop;
  if person_id is not null then
    kept := set_config('brain.person', '', true);
  end if;
  return null;
end
$$;

create table public.message_edits (
  chat_id bigint not null,
  message_id bigint not null,
  -- The number that the message had with this text.
  change bigint not null,
  seq bigint not null,
  content text not null,
  written_at timestamptz not null,
  constraint message_edits_pkey primary key (chat_id, message_id, change),
  constraint message_edits_message_id_fkey foreign key (message_id) references public.messages (id) on delete cascade
);

comment on table public.message_edits is 'What messages said before they were edited';

create index message_edits_message_id_idx on public.message_edits (message_id);

create function public.messages_after_edit() returns trigger
language plpgsql as $$
begin
  insert into public.message_edits (chat_id, message_id, change, seq, content, written_at)
  values (old.chat_id, old.id, old.change, old.seq, old.content, coalesce(old.edited_at, old.created_at));
  return null;
end
$$;

create trigger messages_after_edit
after update on public.messages
for each row when (old.content is distinct from new.content and old.content is not null and new.deleted_at is null)
execute function public.messages_after_edit();

create function public.delete_message(message_id bigint, hasura_session json) returns public.messages
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  message public.messages;
  own public.chat_members;
  chat_type text;
begin
  select m.* into message from public.messages m where m.id = delete_message.message_id for no key update;
  select m.* into own from public.chat_members m
  where m.chat_id = message.chat_id and m.user_id = caller_id and m.left_at is null and m.first_seq <= message.seq;
  if not found then
    perform public.refuse('no-such-message');
  end if;
  select c.type into chat_type from public.chats c where c.id = message.chat_id;
  if message.sender_id is distinct from caller_id and (chat_type = 'direct' or own.role = 'member') then
    perform public.refuse('not-allowed');
  end if;
  if message.deleted_at is null then
    update public.messages m set deleted_at = now() where m.id = message.id returning m.* into message;
  end if;
  return message;
end
$$;

comment on function public.delete_message is
  'Deletes a message for all: one''s own, or in a group or channel anybody''s by its owner and administrators';
