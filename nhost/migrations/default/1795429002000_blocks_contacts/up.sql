-- Whom people know, and from whom they want to hear nothing.

create table public.contacts (
  user_id uuid not null,
  contact_id uuid not null,
  name text,
  created_at timestamptz not null default now(),
  constraint contacts_pkey primary key (user_id, contact_id),
  constraint contacts_name_check check (char_length(name) <= 128 and btrim(name) <> ''),
  constraint contacts_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
  constraint contacts_contact_id_fkey foreign key (contact_id) references auth.users (id) on delete cascade
);

comment on table public.contacts is 'The people whom somebody keeps at hand; nobody else sees it';
comment on column public.contacts.name is 'What the owner calls the contact; null: as the contact does';

-- What a deleted account leaves.
create index contacts_contact_id_idx on public.contacts (contact_id);

create table public.blocks (
  user_id uuid not null,
  blocked_id uuid not null,
  created_at timestamptz not null default now(),
  constraint blocks_pkey primary key (user_id, blocked_id),
  constraint blocks_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
  constraint blocks_blocked_id_fkey foreign key (blocked_id) references auth.users (id) on delete cascade
);

comment on table public.blocks is
  'Who is blocked by whom: no direct messages, no invitations, no presence, either way';

create index blocks_blocked_id_idx on public.blocks (blocked_id);

insert into public.rule_errors (code, message) values
  ('not-with-oneself', 'Nobody can add or block themselves'),
  ('too-many-contacts', 'There can be 5,000 contacts at most'),
  ('too-many-blocks', 'There can be 5,000 blocked people at most'),
  ('blocked', 'One of you has blocked the other');

-- Bounded: as many index entries are read as the limit allows to be there.
create function public.contacts_before_insert() returns trigger
language plpgsql as $$
begin
  if new.contact_id = new.user_id then
    perform public.refuse('not-with-oneself');
  end if;
  if not exists (select from public.people p where p.id = new.contact_id) then
    perform public.refuse('no-such-person');
  end if;
  if (select count(*) from public.contacts c where c.user_id = new.user_id and c.contact_id <> new.contact_id) >= 5000 then
    perform public.refuse('too-many-contacts');
  end if;
  return new;
end
$$;

create trigger contacts_before_insert
before insert on public.contacts
for each row execute function public.contacts_before_insert();

-- Who is to be blocked may be anybody: also an account that is disabled for a while.
create function public.blocks_before_insert() returns trigger
language plpgsql as $$
begin
  if new.blocked_id = new.user_id then
    perform public.refuse('not-with-oneself');
  end if;
  if (select count(*) from public.blocks b where b.user_id = new.user_id and b.blocked_id <> new.blocked_id) >= 5000 then
    perform public.refuse('too-many-blocks');
  end if;
  return new;
end
$$;

create trigger blocks_before_insert
before insert on public.blocks
for each row execute function public.blocks_before_insert();

create function public.are_blocked(one uuid, other uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from public.blocks b where b.user_id = one and b.blocked_id = other)
    or exists (select from public.blocks b where b.user_id = other and b.blocked_id = one);
end
$$;

comment on function public.are_blocked is 'Whether one of the two has blocked the other';

-- As it was, but that nobody opens a new chat over a block. A chat that there is stays readable.
create or replace function public.open_direct_chat(user_id uuid, hasura_session json) returns public.direct_chats
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := nullif(hasura_session ->> 'x-hasura-user-id', '')::uuid;
  person_id uuid := open_direct_chat.user_id;
  opened public.direct_chats;
begin
  if not exists (select from public.people p where p.id = caller_id) then
    raise exception 'Only a signed-in person can open a chat' using errcode = '22023', constraint = 'not-signed-in';
  end if;
  if not exists (select from public.people p where p.id = person_id) then
    raise exception 'There is no such person' using errcode = '22023', constraint = 'no-such-person';
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
    perform public.spend_attempt(caller_id, 'open_direct_chat', 60, interval '1 hour');
    insert into public.chats (type, user_id, peer_id) values ('direct', caller_id, person_id)
    on conflict do nothing;
  end loop;

  -- For who had left it.
  update public.chat_members m set left_at = null
  where m.chat_id = opened.id and m.user_id in (caller_id, person_id) and m.left_at is not null;
  return opened;
end
$$;
