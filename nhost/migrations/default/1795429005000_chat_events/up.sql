-- What happens to a chat stands among its messages: a message of the system's, without text, in the words that the
-- reader's client finds for the event.

alter table public.messages
  add column event text,
  add column event_data jsonb,
  add constraint messages_event_check check (event is null or sender_id is null);

comment on column public.messages.event is
  'What happened to the chat (added, joined, left, removed, role, owner, name, avatar, description, pinned); null: a message of somebody''s';
comment on column public.messages.event_data is 'Of the event: actorId, and what else it is about (userIds, role, name …)';

-- The actor has read what they did. The chat is locked here, before the member.
create function public.post_chat_event(chat_id bigint, event text, actor_id uuid, data jsonb default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  posted_seq bigint;
begin
  insert into public.messages (chat_id, event, event_data)
  values (post_chat_event.chat_id, post_chat_event.event, jsonb_build_object('actorId', actor_id) || data)
  returning seq into posted_seq;
  update public.chat_members m set last_read_seq = posted_seq
  where m.chat_id = post_chat_event.chat_id and m.user_id = actor_id and m.left_at is null
    and m.last_read_seq = posted_seq - 1;
end
$$;

insert into public.rule_errors (code, message) values
  ('not-your-file', 'The file is somebody else''s'),
  ('too-many-chats', 'Nobody can be in more than 20,000 chats');

-- Bounded: as many index entries are read as the limit allows to be there.
create function public.check_chat_count(user_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if (
    select count(*) from (
      select from public.chat_members m where m.user_id = check_chat_count.user_id limit 20000
    ) counted
  ) >= 20000 then
    perform public.refuse('too-many-chats');
  end if;
end
$$;

create function public.chats_as_person_insert() returns trigger
language plpgsql as $$
begin
  if new.as_person is not null then
    perform public.spend_attempt(new.as_person, 'create_chat', 60, interval '1 hour');
    perform public.check_chat_count(new.as_person);
    new.as_person := null;
  end if;
  return new;
end
$$;

create trigger chats_as_person_insert
before insert on public.chats
for each row execute function public.chats_as_person_insert();

-- The actor is known before the row is written and needed after: it waits in a setting of the transaction.
create function public.chats_as_person_update() returns trigger
language plpgsql as $$
declare
  kept text := set_config('brain.actor', coalesce(new.as_person::text, ''), true);
begin
  if new.as_person is not null and new.avatar_file_id is distinct from old.avatar_file_id
    and new.avatar_file_id is not null
    and not exists (
      select from storage.files f where f.id = new.avatar_file_id and f.uploaded_by_user_id = new.as_person
    )
  then
    perform public.refuse('not-your-file');
  end if;
  new.as_person := null;
  return new;
end
$$;

create trigger chats_as_person_update
before update of name, description, avatar_file_id, is_public, shows_history, as_person on public.chats
for each row execute function public.chats_as_person_update();

create function public.chats_after_update() returns trigger
language plpgsql as $$
declare
  actor_id uuid := nullif(current_setting('brain.actor', true), '')::uuid;
  kept text;
begin
  -- The administrator's changes are nobody's.
  if actor_id is null then
    return null;
  end if;
  kept := set_config('brain.actor', '', true);
  if new.name is distinct from old.name then
    perform public.post_chat_event(new.id, 'name', actor_id, jsonb_build_object('name', new.name));
  end if;
  if new.description is distinct from old.description then
    perform public.post_chat_event(new.id, 'description', actor_id);
  end if;
  if new.avatar_file_id is distinct from old.avatar_file_id then
    perform public.post_chat_event(new.id, 'avatar', actor_id);
  end if;
  return null;
end
$$;

create trigger chats_after_update
after update of name, description, avatar_file_id on public.chats
for each row execute function public.chats_after_update();
