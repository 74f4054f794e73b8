-- Every limit is a row that an operator can change, and answers with a code and a sentence of its own. The sentences
-- name no numbers: those are the operator's.

alter table public.rule_limits
  add column per interval,
  add column code text,
  add column about text,
  add constraint rule_limits_code_fkey foreign key (code) references public.rule_errors (code),
  add constraint rule_limits_per_check check (per > interval '0');

comment on column public.rule_limits.per is 'The time that it counts in; null: a limit on what there is';
comment on column public.rule_limits.code is 'What is answered beyond it; null: what is beyond is left out';
comment on column public.rule_limits.about is 'Of what it is the limit';

insert into public.rule_errors (code, message) values
  ('searching-too-fast', 'You are searching too often: wait a minute'),
  ('joining-too-fast', 'You are joining chats too fast: wait a minute'),
  ('adding-too-fast', 'You are adding people too fast: wait a minute'),
  ('opening-too-fast', 'You are writing to too many new people: wait an hour'),
  ('creating-too-fast', 'You are making too many chats: wait an hour'),
  ('sending-too-fast-everywhere', 'You are sending too many messages: wait a minute'),
  ('message-too-long', 'This message is too long'),
  ('message-empty', 'A message needs a text or a file'),
  ('message-deleted', 'A deleted message cannot be edited'),
  ('message-fixed', 'The id, chat, place, sender and time of a message cannot be changed'),
  ('client-id-fixed', 'The clientId of a message cannot be changed'),
  ('reply-elsewhere', 'A reply must be to a message of the same chat'),
  ('chat-kind-fixed', 'The kind of a chat and the people it was made by and for cannot be changed');

update public.rule_errors e set message = said.message
from (values
  ('too-many-contacts', 'You have as many contacts as are allowed'),
  ('too-many-blocks', 'You have blocked as many people as are allowed'),
  ('too-many-chats', 'This person is in as many chats as are allowed'),
  ('too-many-at-once', 'These are more people than can be added at once'),
  ('too-many-invites', 'The chat has as many invitations as are allowed'),
  ('too-many-reactions', 'The message has as many kinds of reactions as are allowed'),
  ('too-many-pins', 'The chat has as many pinned messages as are allowed'),
  ('too-many-pinned-chats', 'You keep as many chats on top as are allowed'),
  ('too-many-edits', 'This message was edited as often as is allowed'),
  ('edit-too-late', 'This message is too old to be edited'),
  ('chat-too-large', 'In a chat of this size it is not told who has read a message')
) as said (code, message)
where e.code = said.code;

insert into public.rule_limits (name, value, per, code, about) values
  ('messages-per-minute', 60, '1 minute', 'sending-too-fast', 'Messages of one person in one chat'),
  ('messages-per-minute-everywhere', 300, '1 minute', 'sending-too-fast-everywhere', 'Messages of one person, tries and repetitions included'),
  ('message-characters', 10000, null, 'message-too-long', 'The text of a message; 10,000 at most'),
  ('edits-per-message', 100, null, 'too-many-edits', 'How often a message is edited'),
  ('edit-hours', 48, null, 'edit-too-late', 'How old a message may be, in hours, to be edited'),
  ('mentions-per-message', 50, null, null, 'People named in one message'),
  ('called-by-all', 100, null, null, 'How many a chat may have for plain members to call them all'),
  ('reaction-kinds-per-message', 20, null, 'too-many-reactions', 'Different reactions to one message'),
  ('pins-per-chat', 100, null, 'too-many-pins', 'Pinned messages of one chat'),
  ('invites-per-chat', 100, null, 'too-many-invites', 'Invitations of one chat that have not expired'),
  ('readers-shown-up-to', 200, null, 'chat-too-large', 'How many a chat may have for its readers to be told'),
  ('chats-per-person', 20000, null, 'too-many-chats', 'Chats that one person is, or was, in'),
  ('pinned-chats-per-person', 100, null, 'too-many-pinned-chats', 'Chats that one person keeps on top'),
  ('contacts-per-person', 5000, null, 'too-many-contacts', 'Contacts of one person'),
  ('blocks-per-person', 5000, null, 'too-many-blocks', 'People whom one person has blocked'),
  ('additions-at-once', 100, null, 'too-many-at-once', 'People added to a chat by one call'),
  ('additions-per-minute', 60, '1 minute', 'adding-too-fast', 'Calls by which one person adds others'),
  ('joins-per-minute', 30, '1 minute', 'joining-too-fast', 'Chats that one person joins'),
  ('direct-chats-per-hour', 60, '1 hour', 'opening-too-fast', 'Direct chats that one person begins'),
  ('chats-per-hour', 60, '1 hour', 'creating-too-fast', 'Groups and channels that one person makes'),
  ('people-searches-per-minute', 60, '1 minute', 'searching-too-fast', 'Searches of one person for people'),
  ('chat-searches-per-minute', 60, '1 minute', 'searching-too-fast', 'Searches of one person for public chats'),
  ('message-searches-per-minute', 60, '1 minute', 'searching-too-fast', 'Searches of one person for messages')
on conflict (name) do update set per = excluded.per, code = excluded.code, about = excluded.about;

alter table public.rule_limits alter column about set not null;

create function public.limit_of(name text) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select l.value from public.rule_limits l where l.name = limit_of.name);
end
$$;

-- Says no by the code of a limit.
create function public.refuse_beyond(name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform public.refuse((select l.code from public.rule_limits l where l.name = refuse_beyond.name));
end
$$;

-- Counts what somebody does against a limit in time, and refuses what is beyond it.
create function public.spend(user_id uuid, name text, times integer default 1) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  most public.rule_limits;
  spent integer;
begin
  select l.* into most from public.rule_limits l where l.name = spend.name;
  insert into public.spent_attempts as s (user_id, kind, started_at, times)
  values (spend.user_id, spend.name, clock_timestamp(), spend.times)
  on conflict on constraint spent_attempts_pkey do update set
    started_at = case when s.started_at <= clock_timestamp() - most.per then clock_timestamp() else s.started_at end,
    times = excluded.times + case when s.started_at <= clock_timestamp() - most.per then 0 else s.times end
  returning s.times into spent;
  if spent > most.value then
    perform public.refuse(most.code);
  end if;
end
$$;

-- The functions below are as they were, but for where the numbers come from, and the codes.

create or replace function public.contacts_before_insert() returns trigger
language plpgsql as $$
begin
  if new.contact_id = new.user_id then
    perform public.refuse('not-with-oneself');
  end if;
  if not exists (select from public.people p where p.id = new.contact_id) then
    perform public.refuse('no-such-person');
  end if;
  if (select count(*) from public.contacts c where c.user_id = new.user_id and c.contact_id <> new.contact_id)
    >= public.limit_of('contacts-per-person')
  then
    perform public.refuse_beyond('contacts-per-person');
  end if;
  return new;
end
$$;

create or replace function public.blocks_before_insert() returns trigger
language plpgsql as $$
begin
  if new.blocked_id = new.user_id then
    perform public.refuse('not-with-oneself');
  end if;
  if (select count(*) from public.blocks b where b.user_id = new.user_id and b.blocked_id <> new.blocked_id)
    >= public.limit_of('blocks-per-person')
  then
    perform public.refuse_beyond('blocks-per-person');
  end if;
  return new;
end
$$;

create or replace function public.check_chat_count(user_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  most integer := public.limit_of('chats-per-person');
begin
  if (
    select count(*) from (
      select from public.chat_members m where m.user_id = check_chat_count.user_id limit most
    ) counted
  ) >= most then
    perform public.refuse_beyond('chats-per-person');
  end if;
end
$$;

create or replace function public.chats_as_person_insert() returns trigger
language plpgsql as $$
begin
  if new.as_person is not null then
    -- Besides: anonymous visitors are nobody who could own a chat.
    if not exists (select from public.people p where p.id = new.as_person) then
      perform public.refuse('not-signed-in');
    end if;
    perform public.spend(new.as_person, 'chats-per-hour');
    perform public.check_chat_count(new.as_person);
    new.as_person := null;
  end if;
  return new;
end
$$;

create or replace function public.chats_before_update() returns trigger
language plpgsql as $$
begin
  if (new.type, new.user_id, new.peer_id) is distinct from (old.type, old.user_id, old.peer_id) then
    perform public.refuse('chat-kind-fixed');
  end if;
  return new;
end
$$;

create or replace function public.chat_members_before_insert() returns trigger
language plpgsql as $$
declare
  chat public.chats;
begin
  select c.* into chat from public.chats c where c.id = new.chat_id;
  if chat.type = 'direct' and new.user_id not in (chat.user_id, chat.peer_id) then
    perform public.refuse('direct-chat');
  end if;
  -- Without such a chat the foreign key refuses the row, and says it better than a missing number.
  new.last_read_seq := coalesce(new.last_read_seq, chat.last_seq, 0);
  if not chat.shows_history and new.first_seq = 1 then
    new.first_seq := chat.last_seq + 1;
  end if;
  return new;
end
$$;

create or replace function public.open_direct_chat(user_id uuid, hasura_session json) returns public.direct_chats
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  person_id uuid := open_direct_chat.user_id;
  opened public.direct_chats;
begin
  if not exists (select from public.people p where p.id = person_id) then
    perform public.refuse('no-such-person');
  end if;

  -- The pair's unique index decides when both open it at once: one makes it, the other waits, then finds it.
  loop
    select d.* into opened from public.direct_chats d
    where least(d.user_id, d.peer_id) = least(caller_id, person_id)
      and greatest(d.user_id, d.peer_id) = greatest(caller_id, person_id);
    exit when found;
    if public.are_blocked(caller_id, person_id) then
      perform public.refuse('blocked');
    end if;
    perform public.spend(caller_id, 'direct-chats-per-hour');
    perform public.check_chat_count(caller_id);
    insert into public.chats (type, user_id, peer_id) values ('direct', caller_id, person_id)
    on conflict do nothing;
  end loop;

  -- For who had left it.
  update public.chat_members m set left_at = null
  where m.chat_id = opened.id and m.user_id in (caller_id, person_id) and m.left_at is not null;
  return opened;
end
$$;

create or replace function public.add_members(chat_id bigint, user_ids uuid[], hasura_session json)
returns setof public.chat_members
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats := public.lock_chat_as(add_members.chat_id, caller_id, '{owner,admin}');
  wanted uuid[];
  person_id uuid;
begin
  if cardinality(user_ids) > public.limit_of('additions-at-once') then
    perform public.refuse_beyond('additions-at-once');
  end if;
  -- Who is in it already stays as they are.
  wanted := array(
    select distinct w.id from unnest(user_ids) as w (id)
    where not exists (
      select from public.chat_members m where m.chat_id = chat.id and m.user_id = w.id and m.left_at is null
    )
    order by w.id
  );
  foreach person_id in array wanted loop
    if not exists (select from public.people p where p.id = person_id) then
      perform public.refuse('no-such-person');
    end if;
    if public.are_blocked(caller_id, person_id) then
      perform public.refuse('blocked');
    end if;
    perform public.check_chat_count(person_id);
  end loop;
  perform public.check_chat_room(chat, cardinality(wanted));
  perform public.spend(caller_id, 'additions-per-minute');

  insert into public.chat_members as m (chat_id, user_id)
  select chat.id, w.id from unnest(wanted) as w (id)
  on conflict on constraint chat_members_pkey do update set left_at = null;
  -- Of a channel's readers nobody is told one by one.
  if chat.type = 'group' and cardinality(wanted) > 0 then
    perform public.post_chat_event(chat.id, 'added', caller_id, jsonb_build_object('userIds', wanted));
  end if;
  return query
  select m.* from public.chat_members m where m.chat_id = chat.id and m.user_id = any (user_ids);
end
$$;

create or replace function public.chat_invites_before_insert() returns trigger
language plpgsql as $$
declare
  chat_type text;
begin
  -- Locked, so that two at once do not both take the last place.
  select c.type into chat_type from public.chats c where c.id = new.chat_id for no key update;
  if chat_type = 'direct' then
    perform public.refuse('direct-chat');
  end if;
  delete from public.chat_invites i where i.chat_id = new.chat_id and i.expires_at < now();
  if (select count(*) from public.chat_invites i where i.chat_id = new.chat_id)
    >= public.limit_of('invites-per-chat')
  then
    perform public.refuse_beyond('invites-per-chat');
  end if;
  return new;
end
$$;

create or replace function public.enter_chat(chat public.chats, caller_id uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  own public.chat_members;
begin
  select m.* into own from public.chat_members m where m.chat_id = chat.id and m.user_id = caller_id;
  if own.chat_id is not null and own.left_at is null then
    return false;
  end if;
  if own.removed_by is not null then
    perform public.refuse('removed-from-chat');
  end if;
  perform public.spend(caller_id, 'joins-per-minute');
  perform public.check_chat_count(caller_id);
  perform public.check_chat_room(chat, 1);
  insert into public.chat_members (chat_id, user_id) values (chat.id, caller_id)
  on conflict on constraint chat_members_pkey do update set left_at = null;
  if chat.type = 'group' then
    perform public.post_chat_event(chat.id, 'joined', caller_id);
  end if;
  return true;
end
$$;

create or replace function public.search_public_chats(query text, hasura_session json)
returns setof public.public_chats
language plpgsql volatile rows 20
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  wanted text := left(btrim(lower(search_public_chats.query)), 128);
begin
  if coalesce(char_length(wanted), 0) < 2 then
    perform public.refuse('query-too-short');
  end if;
  perform public.spend(caller_id, 'chat-searches-per-minute');
  return query
  select p.* from public.public_chats p
  where lower(p.name) like replace(replace(replace(wanted, '\', '\\'), '%', '\%'), '_', '\_') || '%'
  order by p.member_count desc, p.id
  limit 20;
end
$$;
