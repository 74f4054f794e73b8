-- How people come into chats by themselves: by the code of an invitation, or because the chat is public.

create table public.chat_invites (
  chat_id bigint not null,
  -- 122 random bits: who has the code was given it.
  code text not null default replace(gen_random_uuid()::text, '-', ''),
  created_by uuid,
  max_uses integer,
  uses integer not null default 0,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  -- The chat's id leads the key, for the log of commits.
  constraint chat_invites_pkey primary key (chat_id, code),
  constraint chat_invites_code_key unique (code),
  constraint chat_invites_code_check check (char_length(code) between 16 and 64),
  constraint chat_invites_max_uses_check check (max_uses > 0),
  constraint chat_invites_chat_id_fkey foreign key (chat_id) references public.chats (id) on delete cascade,
  constraint chat_invites_created_by_fkey foreign key (created_by) references auth.users (id) on delete cascade
)
with (fillfactor = 80);

comment on table public.chat_invites is 'Codes that let people into a chat; revoked by deleting them';
comment on column public.chat_invites.max_uses is 'How many may join by it; null: any number';

create index chat_invites_created_by_idx on public.chat_invites (created_by);

-- What is found by name. Its columns do not change when a message is sent.
create index chats_public_name_idx on public.chats (lower(name) text_pattern_ops) where is_public;

create view public.public_chats as
select c.id, c.type, c.name, c.description, c.avatar_file_id, c.member_count, c.created_at
from public.chats c
where c.is_public;

comment on view public.public_chats is 'Groups and channels that anybody may find and join';

insert into public.rule_errors (code, message) values
  ('too-many-invites', 'A chat can have 100 invitations at most'),
  ('no-such-invite', 'This invitation does not exist or was revoked'),
  ('invite-expired', 'This invitation has expired'),
  ('invite-used-up', 'This invitation was used as often as it may be');

create function public.chat_invites_before_insert() returns trigger
language plpgsql as $$
begin
  if (select c.type from public.chats c where c.id = new.chat_id) = 'direct' then
    perform public.refuse('direct-chat');
  end if;
  delete from public.chat_invites i where i.chat_id = new.chat_id and i.expires_at < now();
  if (select count(*) from public.chat_invites i where i.chat_id = new.chat_id) >= 100 then
    perform public.refuse('too-many-invites');
  end if;
  return new;
end
$$;

create trigger chat_invites_before_insert
before insert on public.chat_invites
for each row execute function public.chat_invites_before_insert();

-- Who is no longer an owner or administrator invites nobody.
create function public.chat_members_invites() returns trigger
language plpgsql as $$
begin
  delete from public.chat_invites i where i.chat_id = new.chat_id and i.created_by = new.user_id;
  return null;
end
$$;

create trigger chat_members_invites
after update of left_at, role on public.chat_members
for each row when (new.role = 'member' and (old.role <> 'member' or (old.left_at is null and new.left_at is not null)))
execute function public.chat_members_invites();

-- The caller's way in, the chat being locked. Gives nothing where they are in it already.
create function public.enter_chat(chat public.chats, caller_id uuid) returns boolean
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
  perform public.spend_attempt(caller_id, 'join_chat', 30, interval '1 minute');
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

create function public.join_chat(code text, hasura_session json) returns public.memberships
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  invited_to bigint := (select i.chat_id from public.chat_invites i where i.code = join_chat.code);
  chat public.chats;
  invite public.chat_invites;
  joined public.memberships;
begin
  -- The chat before the invitation, as everywhere.
  select c.* into chat from public.chats c where c.id = invited_to for no key update;
  select i.* into invite from public.chat_invites i where i.code = join_chat.code for update;
  if not found or public.are_blocked(invite.created_by, caller_id) then
    perform public.refuse('no-such-invite');
  end if;
  if not exists (
    select from public.chat_members m where m.chat_id = chat.id and m.user_id = caller_id and m.left_at is null
  ) then
    if invite.expires_at <= now() then
      perform public.refuse('invite-expired');
    end if;
    if invite.uses >= invite.max_uses then
      perform public.refuse('invite-used-up');
    end if;
  end if;
  if public.enter_chat(chat, caller_id) then
    update public.chat_invites i set uses = i.uses + 1 where i.code = join_chat.code;
  end if;
  select m.* into joined from public.memberships m where m.chat_id = chat.id and m.user_id = caller_id;
  return joined;
end
$$;

comment on function public.join_chat is 'Joins the chat of an invitation; who is in it already simply gets their membership';

create function public.join_public_chat(chat_id bigint, hasura_session json) returns public.memberships
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats;
  joined public.memberships;
  entered boolean;
begin
  select c.* into chat from public.chats c
  where c.id = join_public_chat.chat_id and c.is_public for no key update;
  if not found then
    perform public.refuse('no-such-chat');
  end if;
  entered := public.enter_chat(chat, caller_id);
  select m.* into joined from public.memberships m where m.chat_id = chat.id and m.user_id = caller_id;
  return joined;
end
$$;

comment on function public.join_public_chat is 'Joins a public group or channel';

create function public.search_public_chats(query text, hasura_session json) returns setof public.public_chats
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
  perform public.spend_attempt(caller_id, 'search_public_chats', 60, interval '1 minute');
  return query
  select p.* from public.public_chats p
  where lower(p.name) like replace(replace(replace(wanted, '\', '\\'), '%', '\%'), '_', '\_') || '%'
  order by p.member_count desc, p.id
  limit 20;
end
$$;

comment on function public.search_public_chats is 'Public groups and channels by the beginning of their name; 20 at most';
