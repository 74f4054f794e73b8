-- A cursor counts transactions, and means something only where they were counted. So it names the cluster, its timeline
-- (which changes where a standby takes over, or an earlier state is restored from the log), and a number of the operator's.

create table public.cursor_epoch (
  single boolean primary key default true,
  number integer not null default 1,
  constraint cursor_epoch_single_check check (single)
);

comment on table public.cursor_epoch is
  'Raised by who puts back a copy of the disk, of which the database cannot know: all cursors end, and clients read anew';

insert into public.cursor_epoch default values;

create function public.change_epoch() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return format(
    '%s.%s.%s',
    to_hex((select s.system_identifier from pg_control_system() s)),
    lower(ltrim(left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), '0')),
    (select e.number from public.cursor_epoch e where e.single)
  );
end
$$;

-- As it was, but for the epoch.
-- 500 changes at most, by chat and in the order of change; then the row with the cursor to go on from. Without a cursor
-- it gives that row alone, which belongs to whatever the same statement reads besides.
create or replace function public.my_changes(since text, hasura_session json) returns setof public.account_changes
language plpgsql stable rows 100
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  epoch text := public.change_epoch();
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
    if since !~ '^[0-9a-z.]{1,64}:\d{1,18}(:\d{1,18}:\d{1,18}:\d{1,18})?$' or split_part(since, ':', 1) <> epoch then
      perform public.refuse('unknown-cursor');
    end if;
    oldest := split_part(since, ':', 2)::bigint;
    if oldest > newest then
      perform public.refuse('unknown-cursor');
    end if;
    if split_part(since, ':', 3) <> '' then
      next_oldest := split_part(since, ':', 3)::bigint;
      last_chat_id := split_part(since, ':', 4)::bigint;
      last_change := split_part(since, ':', 5)::bigint;
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
      when room <= 0 then format('%s:%s:%s:%s:%s', epoch, oldest, next_oldest, last_chat_id, last_change)
      else format('%s:%s', epoch, next_oldest)
    end,
    room <= 0;
end
$$;

comment on function public.my_changes is
  'What changed in the caller''s chats since a cursor, 500 changes at most; the last row carries the next cursor';
