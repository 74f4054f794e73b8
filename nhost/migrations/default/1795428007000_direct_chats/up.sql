-- The two ways in which people meet their chats besides `chats` itself, and the opening of a direct one.

-- What is one's own in a chat. Settings such as `muted_until` are nobody else's business, but a permission's
-- columns are the same for all rows: so others are read in `chat_members`, without them, and oneself here.
create view public.memberships as
select
  m.chat_id, m.user_id, m.role, m.last_read_seq,
  m.notify_level, m.muted_until, m.archived_at, m.pinned_at, m.joined_at
from public.chat_members m
where m.left_at is null;

comment on view public.memberships is 'The chats that somebody is in, with their own settings for each';

-- What `open_direct_chat` returns. The engine filters a function's rows by the permissions of their type, in the
-- statement that called it, and that statement does not see the members that the function has just made. So
-- this type's permission asks the row itself, whose two people are its readers.
create view public.direct_chats as
select
  c.id, c.type, c.name, c.user_id, c.peer_id,
  c.last_seq, c.last_change, c.last_message_at, c.created_at
from public.chats c
where c.type = 'direct';

comment on view public.direct_chats is 'The chats of two people';

-- The caller's direct chat with a person (or with oneself, for saved messages), made if there is none. Both are in it.
create function public.open_direct_chat(user_id uuid, hasura_session json) returns public.direct_chats
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := nullif(hasura_session ->> 'x-hasura-user-id', '')::uuid;
  person_id uuid := open_direct_chat.user_id;
  opened public.direct_chats;
begin
  if not exists (select from public.people p where p.id = caller_id) then
    raise exception 'Only a signed-in person can open a chat' using errcode = '22023';
  end if;
  if not exists (select from public.people p where p.id = person_id) then
    raise exception 'There is no such person' using errcode = '22023';
  end if;

  -- The pair's unique index decides when both open it at once: one makes it, the other waits, then finds it.
  loop
    select d.* into opened from public.direct_chats d
    where least(d.user_id, d.peer_id) = least(caller_id, person_id)
      and greatest(d.user_id, d.peer_id) = greatest(caller_id, person_id);
    exit when found;
    insert into public.chats (type, user_id, peer_id) values ('direct', caller_id, person_id)
    on conflict do nothing;
  end loop;

  -- For who had left it.
  update public.chat_members m set left_at = null
  where m.chat_id = opened.id and m.user_id in (caller_id, person_id) and m.left_at is not null;
  return opened;
end
$$;

comment on function public.open_direct_chat is
  'Finds or makes the direct chat with a person; with oneself, the chat for saved messages';
