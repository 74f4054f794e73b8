-- How many are in a chat, from where on they see it, and what its plan allows.

alter table public.chats
  add column member_count integer not null default 0,
  add column shows_history boolean not null default true,
  -- Never kept: the permissions of people set it, so that the rules for people hold for them, and not for the
  -- administrator, who moves and restores.
  add column as_person uuid;

comment on column public.chats.member_count is 'How many are in it';
comment on column public.chats.shows_history is 'Whether who joins sees what was before';
comment on column public.chats.as_person is 'Always null: on its way in, who writes as a person';

alter table public.chat_members
  add column first_seq bigint not null default 1,
  add column removed_by uuid;

comment on column public.chat_members.first_seq is 'The place of the first message that the person may see';
comment on column public.chat_members.removed_by is 'Who removed the person, who then cannot join alone; null: nobody';

update public.chats c
set member_count = (select count(*) from public.chat_members m where m.chat_id = c.id and m.left_at is null);

alter table public.plans
  add column max_channel_members integer,
  add column is_default boolean not null default false,
  add constraint plans_max_channel_members_check check (max_channel_members > 1);

comment on column public.plans.is_default is 'The plan of who has not chosen one';

update public.plans set is_default = true, max_channel_members = 10000 where id = 'free';
create unique index plans_is_default_key on public.plans (is_default) where is_default;

create function public.plan_of(user_id uuid) returns public.plans
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  plan public.plans;
begin
  select p.* into plan from public.plans p where p.is_default;
  return plan;
end
$$;

comment on function public.plan_of is 'The plan that somebody is on';

-- As it was, and from which message on the person sees the chat.
create or replace function public.chat_members_before_insert() returns trigger
language plpgsql as $$
declare
  chat public.chats;
begin
  select c.* into chat from public.chats c where c.id = new.chat_id;
  if chat.type = 'direct' and new.user_id not in (chat.user_id, chat.peer_id) then
    raise exception 'Nobody can be added to a direct chat' using errcode = '23000', constraint = 'direct-chat';
  end if;
  -- Without such a chat the foreign key refuses the row, and says it better than a missing number.
  new.last_read_seq := coalesce(new.last_read_seq, chat.last_seq, 0);
  if not chat.shows_history and new.first_seq = 1 then
    new.first_seq := chat.last_seq + 1;
  end if;
  return new;
end
$$;

create or replace function public.chat_members_before_update() returns trigger
language plpgsql as $$
declare
  chat public.chats;
begin
  if old.left_at is not null and new.left_at is null then
    -- Joining again is joining: what came in between does not count as unread, nor is it seen where others who join
    -- would not see it.
    select c.* into chat from public.chats c where c.id = new.chat_id;
    new.joined_at := now();
    new.last_read_seq := chat.last_seq;
    new.removed_by := null;
    new.first_seq := case when chat.shows_history then 1 else chat.last_seq + 1 end;
  elsif new.last_read_seq > old.last_read_seq then
    select c.* into chat from public.chats c where c.id = new.chat_id;
    new.last_read_seq := greatest(old.last_read_seq, least(new.last_read_seq, chat.last_seq));
  else
    new.last_read_seq := old.last_read_seq;
  end if;
  if old.left_at is null and new.left_at is not null then
    -- A role ends with the membership.
    new.role := 'member';
  end if;
  return new;
end
$$;

-- The count follows the rows: once per statement where many come or go together.
create function public.chat_members_after_insert() returns trigger
language plpgsql as $$
declare
  joined record;
begin
  for joined in
    select n.chat_id, count(*)::integer as members
    from new_members n where n.left_at is null group by n.chat_id order by n.chat_id
  loop
    update public.chats c set member_count = c.member_count + joined.members where c.id = joined.chat_id;
  end loop;
  return null;
end
$$;

create trigger chat_members_after_insert
after insert on public.chat_members
referencing new table as new_members
for each statement execute function public.chat_members_after_insert();

create function public.chat_members_after_update() returns trigger
language plpgsql as $$
begin
  update public.chats c set member_count = c.member_count + case when new.left_at is null then 1 else -1 end
  where c.id = new.chat_id;
  return null;
end
$$;

create trigger chat_members_after_update
after update of left_at on public.chat_members
for each row when ((old.left_at is null) <> (new.left_at is null))
execute function public.chat_members_after_update();

-- An account that goes takes its memberships along. An owner is followed by the oldest administrator, else by the
-- oldest member; a chat that nobody is left in ends. As the owner: Nhost Auth, which deletes the account, has no right
-- to our tables.
create function public.chat_members_after_delete() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  gone record;
  chat public.chats;
begin
  for gone in
    select o.chat_id, count(*)::integer as members, bool_or(o.role = 'owner') as owned
    from old_members o where o.left_at is null group by o.chat_id order by o.chat_id
  loop
    update public.chats c set member_count = c.member_count - gone.members where c.id = gone.chat_id
    returning c.* into chat;
    -- Not found: the chat itself is going.
    if found and chat.member_count <= 0 then
      delete from public.chats c where c.id = gone.chat_id;
    elsif found and gone.owned and not exists (
      select from public.chat_members m where m.chat_id = gone.chat_id and m.role = 'owner' and m.left_at is null
    ) then
      update public.chat_members m set role = 'owner'
      where m.chat_id = gone.chat_id and m.user_id = (
        select h.user_id from public.chat_members h
        where h.chat_id = gone.chat_id and h.left_at is null
        order by (h.role = 'admin') desc, h.joined_at, h.user_id limit 1
      );
    end if;
  end loop;
  return null;
end
$$;

create trigger chat_members_after_delete
after delete on public.chat_members
referencing old table as old_members
for each statement execute function public.chat_members_after_delete();

-- Who may read which message. What is deleted for all is read by nobody. For the permissions of what hangs on messages
-- in other chats (files, forwards), where a filter has no other way to compare two rows.
create view public.message_readers as
select m.id as message_id, m.chat_id, m.file_id, reader.user_id
from public.messages m
join public.chat_members reader
  on reader.chat_id = m.chat_id and reader.left_at is null and m.seq >= reader.first_seq
where m.deleted_at is null;

comment on view public.message_readers is 'Who may read which message that is not deleted';

create or replace view public.memberships as
select
  m.chat_id, m.user_id, m.role, m.last_read_seq,
  m.notify_level, m.muted_until, m.archived_at, m.pinned_at, m.joined_at,
  m.first_seq
from public.chat_members m
where m.left_at is null;
