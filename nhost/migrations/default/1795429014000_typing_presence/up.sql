-- Who is writing, and who is there: states that end by time. What has ended is deleted, by whoever notices, and the
-- deletion is the event.

create table public.typing (
  chat_id bigint not null,
  user_id uuid not null,
  kind text not null default 'text',
  since timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint typing_pkey primary key (chat_id, user_id),
  constraint typing_kind_check check (kind in ('text', 'audio', 'file')),
  constraint typing_chat_id_fkey foreign key (chat_id) references public.chats (id) on delete cascade,
  constraint typing_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
);

comment on table public.typing is 'Who is writing in which chat right now';
comment on column public.typing.kind is 'text, audio or file';

create index typing_user_id_idx on public.typing (user_id);
create index typing_expires_at_idx on public.typing (expires_at);

-- A process serves people and holds them present for as long as it renews its lease.
create table public.presence_processes (
  id uuid primary key,
  leased_until timestamptz not null
);

comment on table public.presence_processes is 'The processes that hold people present, each for as long as its lease';

create table public.presence (
  user_id uuid not null,
  process_id uuid not null,
  since timestamptz not null default now(),
  constraint presence_pkey primary key (user_id, process_id),
  constraint presence_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
  constraint presence_process_id_fkey
    foreign key (process_id) references public.presence_processes (id) on delete cascade
);

comment on table public.presence is 'Who is there, by the process that serves them';

create index presence_process_id_idx on public.presence (process_id);

-- Says that the caller is writing, for the next six seconds; written at most every three.
create function public.set_typing(chat_id bigint, kind text, hasura_session json) returns setof public.typing
language plpgsql volatile rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats;
begin
  select c.* into chat from public.chats c
  join public.chat_members m on m.chat_id = c.id and m.user_id = caller_id and m.left_at is null
    and (c.type <> 'channel' or m.role <> 'member')
  where c.id = set_typing.chat_id;
  if not found then
    perform public.refuse('no-such-chat');
  end if;
  if chat.type = 'direct' and public.are_blocked(chat.user_id, chat.peer_id) then
    return;
  end if;
  delete from public.typing t where t.chat_id = chat.id and t.user_id = caller_id and set_typing.kind is null;
  if set_typing.kind is null then
    return;
  end if;
  return query
  insert into public.typing as t (chat_id, user_id, kind, expires_at)
  values (chat.id, caller_id, set_typing.kind, now() + interval '6 seconds')
  on conflict on constraint typing_pkey do update set kind = excluded.kind, expires_at = excluded.expires_at
  where t.kind <> excluded.kind or t.expires_at < now() + interval '3 seconds'
  returning t.*;
end
$$;

comment on function public.set_typing is
  'Says that the caller is writing (text, audio or file), for six seconds; null: not any more';

-- Whoever sends has stopped writing.
create function public.messages_end_typing() returns trigger
language plpgsql as $$
begin
  delete from public.typing t where t.chat_id = new.chat_id and t.user_id = new.sender_id;
  return null;
end
$$;

create trigger messages_end_typing
after insert on public.messages
for each row when (new.sender_id is not null)
execute function public.messages_end_typing();

-- For the administrator, every few seconds: ends what has ended.
create function public.sweep_typing() returns setof public.typing
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  delete from public.typing t
  where (t.chat_id, t.user_id) in (
    select o.chat_id, o.user_id from public.typing o where o.expires_at < now() for update skip locked
  )
  returning t.*;
$$;

create function public.sweep_presence() returns setof public.presence_processes
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  delete from public.presence_processes p
  where p.id in (select o.id from public.presence_processes o where o.leased_until < now() for update skip locked)
  returning p.*;
$$;

-- Who may see whom: by the setting of who is seen, and nobody over a block.
create view public.present_people as
select distinct p.user_id, coalesce(s.presence_visibility, 'everybody') as visibility
from public.presence p
join public.presence_processes process on process.id = p.process_id and process.leased_until > now()
left join public.user_settings s on s.user_id = p.user_id;

comment on view public.present_people is 'Who is there';
