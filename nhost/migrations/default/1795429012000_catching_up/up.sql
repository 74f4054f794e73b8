-- What has changed in all chats of a person since they last asked.
--
-- The cursor is a number of transactions: all below it had ended when it was given out, so what it showed then included
-- all that they did. A row keeps the transaction of its last change. In a chat changes come in the order of commits
-- (its lock sees to that): from the newest down, the first row of a transaction below the cursor was there, and so was
-- everything beneath it. What ended between is sent again: clients take rows by id and `change`, and that is harmless.

alter table public.messages add column changed_in bigint;
alter table public.chats add column changed_in bigint;
alter table public.chat_members add column changed_in bigint;

comment on column public.messages.changed_in is 'The transaction that changed the row last';

-- Set after the columns are there: rows from before belong to no transaction that a cursor could mean.
alter table public.messages alter column changed_in set default pg_current_xact_id()::text::bigint;
alter table public.chats alter column changed_in set default pg_current_xact_id()::text::bigint;
alter table public.chat_members alter column changed_in set default pg_current_xact_id()::text::bigint;

insert into public.rule_errors (code, message) values
  ('unknown-cursor', 'Read everything anew: this cursor is not of this database');

-- After the number is taken: names decide.
create function public.messages_stamp() returns trigger
language plpgsql as $$
begin
  new.changed_in := pg_current_xact_id()::text::bigint;
  return new;
end
$$;

create trigger messages_stamp
before update on public.messages
for each row when (old.* is distinct from new.*)
execute function public.messages_stamp();

create trigger chats_stamp
before update of last_change, name, description, avatar_file_id, is_public, shows_history on public.chats
for each row execute function public.messages_stamp();

create trigger chat_members_stamp
before update of role, left_at, first_seq on public.chat_members
for each row execute function public.messages_stamp();

-- The rows of `my_changes`. It is never asked itself.
create view public.account_changes as
select
  null::uuid as user_id,
  null::text as kind,
  null::bigint as chat_id,
  null::bigint as message_id,
  null::bigint as change,
  null::text as cursor,
  null::boolean as has_more
where false;

comment on view public.account_changes is 'What changed for a person: the rows of my_changes';
comment on column public.account_changes.kind is
  'message: new, edited, deleted or reacted to; membership: joined, or the role changed; left: no longer in the chat; end: the last row, which carries the cursor';

-- 500 changes at most, by chat and in the order of change; then the row with the cursor to go on from. Without a cursor
-- it gives that row alone, which belongs to whatever the same statement reads besides.
create function public.my_changes(since text, hasura_session json) returns setof public.account_changes
language plpgsql stable rows 100
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  newest bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
  -- Where to begin, where the next reading begins, and what of it the last page ended with.
  oldest bigint;
  next_oldest bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  last_chat_id bigint := 0;
  last_change bigint := 0;
  room integer := 500;
  place record;
  message record;
  known bigint;
begin
  if since is not null then
    if since !~ '^\d{1,18}(:\d{1,18}:\d{1,18}:\d{1,18})?$' then
      perform public.refuse('unknown-cursor');
    end if;
    oldest := split_part(since, ':', 1)::bigint;
    if oldest > newest then
      perform public.refuse('unknown-cursor');
    end if;
    if strpos(since, ':') > 0 then
      next_oldest := split_part(since, ':', 2)::bigint;
      last_chat_id := split_part(since, ':', 3)::bigint;
      last_change := split_part(since, ':', 4)::bigint;
    end if;

    for place in
      select m.chat_id, m.left_at, m.first_seq, m.changed_in between oldest and newest as is_changed
      from public.chat_members m
      join public.chats c on c.id = m.chat_id
      where m.user_id = caller_id and m.chat_id >= last_chat_id
        and (m.changed_in between oldest and newest or (c.changed_in between oldest and newest and m.left_at is null))
      order by m.chat_id
    loop
      if place.chat_id > last_chat_id then
        last_change := 0;
        if place.is_changed then
          return query select caller_id, case when place.left_at is null then 'membership' else 'left' end,
            place.chat_id, null::bigint, null::bigint, null::text, null::boolean;
          room := room - 1;
        end if;
      end if;
      last_chat_id := place.chat_id;
      if place.left_at is null then
        select m.change into known from public.messages m
        where m.chat_id = place.chat_id and not coalesce(m.changed_in between oldest and newest, false)
        order by m.change desc limit 1;
        for message in
          select m.id, m.change, m.seq from public.messages m
          where m.chat_id = place.chat_id and m.change > greatest(known, last_change)
          order by m.change limit greatest(room, 1)
        loop
          last_change := message.change;
          room := room - 1;
          if message.seq >= place.first_seq then
            return query select caller_id, 'message', place.chat_id, message.id, message.change, null::text, null::boolean;
          end if;
        end loop;
      end if;
      exit when room <= 0;
    end loop;
  end if;

  return query select caller_id, 'end', null::bigint, null::bigint, null::bigint,
    case
      when room <= 0 then format('%s:%s:%s:%s', oldest, next_oldest, last_chat_id, last_change)
      else next_oldest::text
    end,
    room <= 0;
end
$$;

comment on function public.my_changes is
  'What changed in the caller''s chats since a cursor, 500 changes at most; the last row carries the next cursor';
