-- Finding words in a million messages: as fast for frequent words as for rare ones, in few chats as in many, by sender
-- and by date.
--
-- An index of words finds all rows of a word, of which only the newest twenty are wanted. So the chat, the sender, the
-- month and the stretches of 2^14, 2^16 and 2^18 ids are words of the message, too, and the index is asked stretch by
-- stretch from the newest on, the longer the farther back: what it finds at once is bounded, however frequent the word.
-- Few words are said at a time: the index weighs the whole query for each row it considers.

create function public.message_words(id bigint, chat_id bigint, sender_id uuid, created_at timestamptz, content text)
returns tsvector
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return to_tsvector('pg_catalog.russian'::regconfig, translate(content, 'ёЁ', 'еЕ'))
  -- And as they were written: what begins a word may be longer than its stem.
  || strip(to_tsvector('pg_catalog.simple'::regconfig, translate(content, 'ёЁ', 'еЕ')))
  || array_to_tsvector(array_remove(array[
    '#c' || chat_id::text,
    '#s' || sender_id::text,
    '#m' || floor(extract(epoch from created_at) / 2592000)::text,
    '#i14.' || (id >> 14)::text,
    '#i16.' || (id >> 16)::text,
    '#i18.' || (id >> 18)::text
  ], null));

drop index public.messages_words_idx;

-- What was written lately is read row by row until it is put into the index: the less of it, the faster the search.
create index messages_words_idx on public.messages
using gin (public.message_words(id, chat_id, sender_id, created_at, content)) with (gin_pending_list_limit = 256)
where content is not null;

drop function public.message_words(bigint, text);

-- A choice of words of one kind, as a query for the index.
create function public.any_word(kind text, names text[]) returns tsquery
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (select string_agg(quote_literal('#' || kind || n.name), '|')::tsquery from unnest(names) as n (name));

-- The months of a time, as words; null where there are more than a few.
create function public.month_words(sent_from timestamptz, sent_until timestamptz) returns tsquery
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
return (
  select case when count(*) between 1 and 13 then public.any_word('m', array_agg(month::text)) end
  from generate_series(
    floor(extract(epoch from sent_from) / 2592000)::bigint,
    least(
      floor(extract(epoch from least(sent_until, now() + interval '1 day')) / 2592000)::bigint,
      floor(extract(epoch from sent_from) / 2592000)::bigint + 13
    )
  ) as month
);

-- The same without the order of words, which the index does not know: what it then finds need not be read to be sure.
-- Behind a not it would find too little.
create function public.unordered(words tsquery) returns tsquery
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when words::text like '%!%' then words else regexp_replace(words::text, '<(-|\d+)>', '&', 'g')::tsquery end;

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
  if search_messages.sender_id is not null or sent_from is not null or sent_until is not null then
    -- Few of a stretch are meant.
    bits := 18;
  end if;

  while cardinality(hits) < 20 and chats is not null loop
    last := (select max(m.id) from public.messages m where m.id < unseen);
    exit when last is null;
    hits := hits || array(
      -- Materialized, lest the order below lead the planner through all messages, newest first.
      with found_rows as materialized (
        select m.id, m.chat_id, m.seq, m.created_at
        from public.messages m
        where public.message_words(m.id, m.chat_id, m.sender_id, m.created_at, m.content)
            @@ (scope && public.any_word('i', array[bits || '.' || (last >> bits)]))
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
    unseen := (last >> bits) << bits;
    -- The next one ends here, and may be longer where a longer one ends here, too.
    bits := case when unseen % (1 << 18) = 0 then 18 when unseen % (1 << 16) = 0 then 16 else 14 end;
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

-- Nobody counts without a limit's row any more.
drop function public.spend_attempt(uuid, text, integer, interval);
delete from public.rule_errors where code = 'too-fast';
delete from public.spent_attempts;
