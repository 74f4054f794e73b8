-- Searching by date begins where the date is, and by sender in long stretches.
--
-- The beginning of a word costs as much for a short stretch of ids as for a long one: the index gathers all that begin so
-- first. So stretches are few where few of each are meant, and those without a message of the time that is asked for are
-- not asked at all. Ids and dates mostly grow together, but nothing says that they must (whoever brings messages from
-- elsewhere gives them their dates): an index that knows the dates of each run of pages says it exactly, for some pages in all.

create index messages_dates_idx on public.messages using brin ((id >> 14), created_at)
with (pages_per_range = 32, autosummarize = on);

-- Of the stretches of 2^14 ids that have an id below another the newest with a message of a time; null where none is. (Were
-- ids compared themselves, the planner would read them one by one.)
create function public.newest_stretch(below bigint, sent_from timestamptz, sent_until timestamptz) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  low bigint := -1;
  high bigint := (select max(m.id) >> 14 from public.messages m where m.id < below);
  middle bigint;
begin
  -- It is none (low), or between the two.
  while low < high loop
    middle := (low + high + 1) / 2;
    if exists (
      select from public.messages m
      where m.id >> 14 between middle and high
        and m.created_at >= coalesce(sent_from, '-infinity') and m.created_at < coalesce(sent_until, 'infinity')
    ) then
      low := middle;
    else
      high := middle - 1;
    end if;
  end loop;
  return nullif(low, -1);
end
$$;

create or replace function public.search_messages(
  query text,
  hasura_session json,
  chat_id bigint default null,
  before bigint default null,
  sender_id uuid default null,
  sent_from timestamptz default null,
  sent_until timestamptz default null
) returns setof public.message_hits
language plpgsql volatile rows 20
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- What is short is not worth compiling, whatever the planner thinks of its cost.
set jit = off
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  words tsquery := public.words_query(search_messages.query);
  scope tsquery := public.unordered(words);
  -- Whether the order of words is still to be looked at.
  is_ordered boolean := scope <> words;
  chats bigint[];
  readable bigint;
  hits bigint[] := '{}';
  -- What was not looked at yet has smaller ids; the last of them, and how long a stretch is looked at next.
  unseen bigint := coalesce(search_messages.before, 9223372036854775807);
  last bigint;
  bits integer := 14;
  stretch text[];
begin
  if coalesce(char_length(btrim(search_messages.query)), 0) < 2 or numnode(words) = 0 then
    perform public.refuse('query-too-short');
  end if;
  perform public.spend(caller_id, 'message-searches-per-minute');
  select array_agg(m.chat_id), sum(greatest(c.last_seq - m.first_seq + 1, 0)) into chats, readable
  from public.chat_members m
  join public.chats c on c.id = m.chat_id
  where m.user_id = caller_id and m.left_at is null
    and (search_messages.chat_id is null or m.chat_id = search_messages.chat_id)
    -- Whose words are wanted is, or was, in the chat: the few that one shares with somebody. A deleted account is in none.
    and (
      search_messages.sender_id is null
      or not exists (select from auth.users u where u.id = search_messages.sender_id)
      or exists (
        select from public.chat_members s where s.chat_id = m.chat_id and s.user_id = search_messages.sender_id
      )
    );

  if readable <= 1000 then
    -- So few are read one by one: for the index, a word may be frequent and those chats rare.
    hits := array(
      select m.id
      from unnest(chats) as own_chat (id)
      join public.chat_members own on own.chat_id = own_chat.id and own.user_id = caller_id
      join public.messages m on m.chat_id = own.chat_id and m.seq >= own.first_seq
      where m.id < unseen
        and (search_messages.sender_id is null or m.sender_id = search_messages.sender_id)
        and (sent_from is null or m.created_at >= sent_from)
        and (sent_until is null or m.created_at < sent_until)
        and public.message_words(m.id, m.chat_id, m.sender_id, m.created_at, m.content) @@ words
      order by m.id desc
      limit 20
    );
    unseen := 0;
  elsif cardinality(chats) <= 16 then
    -- Of more chats, what is found is kept to them afterwards.
    scope := scope && public.any_word('c', chats::text[]);
    bits := case when readable <= 20000 then 18 else bits end;
  end if;
  if search_messages.sender_id is not null then
    scope := scope && public.any_word('s', array[search_messages.sender_id::text]);
  end if;
  scope := coalesce(scope && public.month_words(sent_from, sent_until), scope);
  if search_messages.sender_id is not null then
    -- Few of a stretch are meant.
    bits := 18;
  end if;

  while cardinality(hits) < 20 and chats is not null loop
    last := case
      when sent_from is null and sent_until is null then (select max(m.id) from public.messages m where m.id < unseen)
      else public.newest_stretch(unseen, sent_from, sent_until) << 14
    end;
    exit when last is null;
    -- The longest have no word of their own.
    stretch := case
      when bits < 20 then array[bits || '.' || (last >> bits)]
      else array(select '18.' || ((last >> 18) - i) from generate_series(0, 3) as i)
    end;
    hits := hits || array(
      -- Materialized, lest the order below lead the planner through all messages, newest first.
      with found_rows as materialized (
        select m.id, m.chat_id, m.seq, m.created_at
        from public.messages m
        where public.message_words(m.id, m.chat_id, m.sender_id, m.created_at, m.content)
            @@ (scope && public.any_word('i', stretch))
          and m.content is not null
      ),
      readable_rows as materialized (
        select f.id
        from found_rows f
        join public.chat_members own on own.chat_id = f.chat_id and own.user_id = caller_id
          and own.left_at is null and f.seq >= own.first_seq
        where f.id < unseen
          and (search_messages.chat_id is null or f.chat_id = search_messages.chat_id)
          and (sent_from is null or f.created_at >= sent_from)
          and (sent_until is null or f.created_at < sent_until)
        order by f.id desc
      )
      -- From the newest on, and no farther than the twentieth.
      select r.id
      from readable_rows r
      where not is_ordered or exists (
        select from public.messages m
        where m.id = r.id and to_tsvector('pg_catalog.russian', translate(m.content, 'ёЁ', 'еЕ')) @@ words
      )
      limit 20 - cardinality(hits)
    );
    unseen := case when bits < 20 then (last >> bits) << bits else ((last >> 18) - 3) << 18 end;
    -- The next one ends here, and may be longer where a longer one ends here, too.
    bits := case
      when search_messages.sender_id is not null then 20
      when unseen % (1 << 18) = 0 then 18
      when unseen % (1 << 16) = 0 then 16
      else 14
    end;
  end loop;
  return query
  select caller_id, m.id, m.chat_id, ts_headline(
    'pg_catalog.russian', translate(m.content, 'ёЁ', 'еЕ'), words,
    format('MaxFragments=1, MinWords=8, MaxWords=24, StartSel=%s, StopSel=%s', chr(57344), chr(57345))
  )
  from public.messages m
  where m.id = any (hits)
  order by m.id desc;
end
$$;
