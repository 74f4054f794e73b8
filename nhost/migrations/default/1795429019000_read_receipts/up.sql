-- Who does not want others to know what they have read; and the end of what lasts until a time.

alter table public.user_settings
  add column read_receipts boolean not null default true;

comment on column public.user_settings.read_receipts is
  'Whether others see how far the person has read; who hides it is not told by readers_of who has read a message either';

-- A second mark, rather than a flag on the first: a permission's columns are the same for all rows, so what others may
-- not see must not be in a column that they read. `memberships` shows its owner the farther of both.
alter table public.chat_members
  add column hidden_read_seq bigint not null default 0;

comment on column public.chat_members.last_read_seq is
  'All messages up to this place are read, as far as the person shows it; only grows';
comment on column public.chat_members.hidden_read_seq is 'As last_read_seq, of who does not show it';

-- What is to end at a time, in the order of it.
create index chat_members_muted_until_idx on public.chat_members (muted_until)
where muted_until < 'infinity';

insert into public.rule_errors (code, message) values
  ('receipts-hidden', 'Who hides what they have read is not told what others have read');

-- As it was, but that the mark goes where the person's setting wants it.
create or replace function public.chat_members_before_update() returns trigger
language plpgsql as $$
declare
  chat public.chats;
  known bigint := greatest(old.last_read_seq, old.hidden_read_seq);
  mark bigint;
begin
  if old.left_at is not null and new.left_at is null then
    -- Joining again is joining: what came in between does not count as unread, nor is it seen where others who join
    -- would not see it.
    select c.* into chat from public.chats c where c.id = new.chat_id;
    new.joined_at := now();
    new.last_read_seq := chat.last_seq;
    new.unread_mentions := 0;
    new.removed_by := null;
    new.first_seq := case when chat.shows_history then 1 else chat.last_seq + 1 end;
  elsif new.last_read_seq > old.last_read_seq then
    select c.* into chat from public.chats c where c.id = new.chat_id;
    mark := least(new.last_read_seq, chat.last_seq);
    if exists (select from public.user_settings s where s.user_id = new.user_id and not s.read_receipts) then
      new.last_read_seq := old.last_read_seq;
      new.hidden_read_seq := greatest(known, mark);
    else
      new.last_read_seq := greatest(old.last_read_seq, mark);
    end if;
    if new.unread_mentions > 0 and mark > known then
      new.unread_mentions := (
        select count(*) from public.message_mentions x
        where x.user_id = new.user_id and x.chat_id = new.chat_id and x.seq > mark
      );
    end if;
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

-- As it was, but for both marks and the limit's row.
create or replace function public.chat_members_marks() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.last_delivered_seq := greatest(new.last_delivered_seq, new.last_read_seq);
    return new;
  end if;
  if new.last_delivered_seq > old.last_delivered_seq then
    new.last_delivered_seq := least(
      new.last_delivered_seq,
      (select c.last_seq from public.chats c where c.id = new.chat_id)
    );
  end if;
  -- What is read has reached a device, and that is not hidden.
  new.last_delivered_seq := greatest(
    old.last_delivered_seq, new.last_delivered_seq, new.last_read_seq, new.hidden_read_seq
  );
  if new.archived_at is distinct from old.archived_at then
    new.archived_seq := case
      when new.archived_at is not null then (select c.last_seq from public.chats c where c.id = new.chat_id)
    end;
  end if;
  if new.pinned_at is not null and old.pinned_at is null and (
    select count(*) from public.chat_members m
    where m.user_id = new.user_id and m.pinned_at is not null and m.left_at is null
  ) >= public.limit_of('pinned-chats-per-person') then
    perform public.refuse_beyond('pinned-chats-per-person');
  end if;
  return new;
end
$$;

create or replace function public.message_mentions_count() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    update public.chat_members m set unread_mentions = m.unread_mentions + 1
    where m.chat_id = new.chat_id and m.user_id = new.user_id
      and greatest(m.last_read_seq, m.hidden_read_seq) < new.seq;
  else
    update public.chat_members m set unread_mentions = m.unread_mentions - 1
    where m.chat_id = old.chat_id and m.user_id = old.user_id
      and greatest(m.last_read_seq, m.hidden_read_seq) < old.seq and m.unread_mentions > 0;
  end if;
  return null;
end
$$;

create or replace function public.post_chat_event(chat_id bigint, event text, actor_id uuid, data jsonb default '{}') returns void
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
    and greatest(m.last_read_seq, m.hidden_read_seq) = posted_seq - 1;
end
$$;

create or replace view public.memberships as
select
  m.chat_id, m.user_id, m.role, greatest(m.last_read_seq, m.hidden_read_seq) as last_read_seq,
  m.notify_level, m.muted_until, m.archived_at, m.pinned_at, m.joined_at,
  m.first_seq,
  m.last_delivered_seq,
  greatest(c.last_seq - greatest(m.last_read_seq, m.hidden_read_seq), 0) as unread_count,
  m.unread_mentions + (
    select count(*)::integer from (
      select from public.messages a
      where a.chat_id = m.chat_id and a.seq > greatest(m.last_read_seq, m.hidden_read_seq) and a.mentions_all
        -- Who is called by name is not called twice.
        and not coalesce(m.user_id = any (a.mentions), false)
      limit 100
    ) called
  ) as mention_count,
  coalesce(m.muted_until > now(), false) as is_muted,
  -- Put aside, and nothing new since, or nothing that one wants to hear of.
  m.archived_at is not null and (coalesce(m.muted_until > now(), false) or c.last_seq <= m.archived_seq) as is_archived
from public.chat_members m
join public.chats c on c.id = m.chat_id
where m.left_at is null;

create or replace function public.readers_of(message_id bigint, hasura_session json) returns setof public.chat_members
language plpgsql stable rows 20
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  message public.messages;
begin
  select m.* into message from public.messages m
  join public.chat_members own on own.chat_id = m.chat_id and own.user_id = caller_id
    and own.left_at is null and own.first_seq <= m.seq
  where m.id = readers_of.message_id;
  if not found then
    perform public.refuse('no-such-message');
  end if;
  if exists (select from public.user_settings s where s.user_id = caller_id and not s.read_receipts) then
    perform public.refuse('receipts-hidden');
  end if;
  if (select c.member_count from public.chats c where c.id = message.chat_id)
    > public.limit_of('readers-shown-up-to')
  then
    perform public.refuse_beyond('readers-shown-up-to');
  end if;
  return query
  select m.* from public.chat_members m
  where m.chat_id = message.chat_id and m.left_at is null and m.last_read_seq >= message.seq
    and m.first_seq <= message.seq and m.user_id is distinct from message.sender_id
  order by m.user_id;
end
$$;

-- For the administrator, every few seconds, as `sweep_typing`: the end of a mute is then a commit, of which live queries
-- hear. Whoever asks before that is told the truth by `is_muted` and `is_archived` all the same.
create function public.sweep_mutes() returns setof public.chat_members
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  update public.chat_members m set muted_until = null
  where (m.chat_id, m.user_id) in (
    select o.chat_id, o.user_id from public.chat_members o
    where o.muted_until < least(now(), 'infinity')
    order by o.muted_until limit 1000 for update skip locked
  )
  returning m.*;
$$;

comment on function public.sweep_mutes is 'Ends the mutes whose time is over, 1000 at most';
