-- The rules of chats and their members that hold for every writer.
--
-- Two SQLSTATEs carry sentences for people, because Hasura passes the messages of these classes on and hides those
-- of others: 23000 for what a row may not become, 22023 for a bad argument of a function.
-- Names in the functions are qualified: a foreign key of another schema's owner may run them under any search_path.

-- Whoever makes a group or a channel owns it; a direct chat has its two persons, both plain members.
create function public.chats_after_insert() returns trigger
language plpgsql as $$
begin
  insert into public.chat_members (chat_id, user_id, role)
  select new.id, person.id, case new.type when 'direct' then 'member' else 'owner' end
  from (
    select new.user_id as id
    union
    select new.peer_id
  ) person
  where person.id is not null
  order by person.id
  on conflict do nothing;
  return null;
end
$$;

create trigger chats_after_insert
after insert on public.chats
for each row execute function public.chats_after_insert();

-- A direct chat that became a group, or changed hands, would show its past to others.
create function public.chats_before_update() returns trigger
language plpgsql as $$
begin
  if (new.type, new.user_id, new.peer_id) is distinct from (old.type, old.user_id, old.peer_id) then
    raise exception 'The kind of a chat and the people it was made by and for cannot be changed'
      using errcode = '23000';
  end if;
  return new;
end
$$;

-- Of these columns alone: sending a message updates the chat too, and should not pay for this.
create trigger chats_before_update
before update of type, user_id, peer_id on public.chats
for each row execute function public.chats_before_update();

-- Who joins has read what was there: the unread count starts at nothing. The administrator may say otherwise.
create function public.chat_members_before_insert() returns trigger
language plpgsql as $$
declare
  chat public.chats;
begin
  select c.* into chat from public.chats c where c.id = new.chat_id;
  if chat.type = 'direct' and new.user_id not in (chat.user_id, chat.peer_id) then
    raise exception 'Nobody can be added to a direct chat' using errcode = '23000';
  end if;
  -- Without such a chat the foreign key refuses the row, and says it better than a missing number.
  new.last_read_seq := coalesce(new.last_read_seq, chat.last_seq, 0);
  return new;
end
$$;

create trigger chat_members_before_insert
before insert on public.chat_members
for each row execute function public.chat_members_before_insert();

-- A read mark only grows, and never beyond what there is. Marks come late and out of order from several devices,
-- so one that is behind, or ahead, is no error.
create function public.chat_members_before_update() returns trigger
language plpgsql as $$
declare
  chat_last_seq bigint;
begin
  if old.left_at is not null and new.left_at is null then
    -- Joining again is joining: what came in between does not count as unread.
    new.joined_at := now();
    new.last_read_seq := (select c.last_seq from public.chats c where c.id = new.chat_id);
  elsif new.last_read_seq > old.last_read_seq then
    select c.last_seq into chat_last_seq from public.chats c where c.id = new.chat_id;
    new.last_read_seq := greatest(old.last_read_seq, least(new.last_read_seq, chat_last_seq));
  else
    new.last_read_seq := old.last_read_seq;
  end if;
  return new;
end
$$;

create trigger chat_members_before_update
before update of last_read_seq, left_at on public.chat_members
for each row execute function public.chat_members_before_update();
