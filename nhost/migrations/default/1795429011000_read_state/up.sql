-- What has reached somebody, what they have put aside, and what a chat list shows of it, without counting messages.

alter table public.chat_members
  add column last_delivered_seq bigint not null default 0,
  -- The chat's last message when it was put aside: a later one brings the chat back.
  add column archived_seq bigint;

comment on column public.chat_members.last_delivered_seq is
  'All messages up to this place have reached a device of the person; only grows, and is never behind last_read_seq';

update public.chat_members set last_delivered_seq = last_read_seq;
update public.chat_members m set archived_seq = (select c.last_seq from public.chats c where c.id = m.chat_id)
where m.archived_at is not null;

insert into public.rule_errors (code, message) values
  ('too-many-pinned-chats', 'At most 100 chats can be kept on top'),
  ('chat-too-large', 'In chats of more than 200 people it is not told who has read a message');

-- After `chat_members_before_update`, which settles the read mark: names decide.
create function public.chat_members_marks() returns trigger
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
  new.last_delivered_seq := greatest(old.last_delivered_seq, new.last_delivered_seq, new.last_read_seq);
  if new.archived_at is distinct from old.archived_at then
    new.archived_seq := case
      when new.archived_at is not null then (select c.last_seq from public.chats c where c.id = new.chat_id)
    end;
  end if;
  if new.pinned_at is not null and old.pinned_at is null and (
    select count(*) from public.chat_members m
    where m.user_id = new.user_id and m.pinned_at is not null and m.left_at is null
  ) >= 100 then
    perform public.refuse('too-many-pinned-chats');
  end if;
  return new;
end
$$;

create index chat_members_pinned_idx on public.chat_members (user_id) where pinned_at is not null;

create trigger chat_members_marks_insert
before insert on public.chat_members
for each row execute function public.chat_members_marks();

create trigger chat_members_marks_update
before update of last_read_seq, last_delivered_seq, left_at, archived_at, pinned_at on public.chat_members
for each row execute function public.chat_members_marks();

-- All of it is arithmetic on two rows, but for the calls to all: of those, as many index entries are read as are unread,
-- a hundred at most.
create or replace view public.memberships as
select
  m.chat_id, m.user_id, m.role, m.last_read_seq,
  m.notify_level, m.muted_until, m.archived_at, m.pinned_at, m.joined_at,
  m.first_seq,
  m.last_delivered_seq,
  greatest(c.last_seq - m.last_read_seq, 0) as unread_count,
  m.unread_mentions + (
    select count(*)::integer from (
      select from public.messages a
      where a.chat_id = m.chat_id and a.seq > m.last_read_seq and a.mentions_all
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

create function public.readers_of(message_id bigint, hasura_session json) returns setof public.chat_members
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
  if (select c.member_count from public.chats c where c.id = message.chat_id) > 200 then
    perform public.refuse('chat-too-large');
  end if;
  return query
  select m.* from public.chat_members m
  where m.chat_id = message.chat_id and m.left_at is null and m.last_read_seq >= message.seq
    and m.first_seq <= message.seq and m.user_id is distinct from message.sender_id
  order by m.user_id;
end
$$;

comment on function public.readers_of is 'Who, besides its sender, has read a message; in chats of up to 200 people';
