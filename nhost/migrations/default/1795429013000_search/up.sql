-- Finding words in one's chats, in Russian and English: PostgreSQL's Russian configuration stems words in Latin letters
-- as English ones.

-- The words of a message, and the chat among them as one more: so the index itself keeps to the chats that are asked
-- for, however often others use a word. Е and ё are one letter, as in most writing.
create function public.message_words(chat_id bigint, content text) returns tsvector
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return to_tsvector('pg_catalog.russian'::regconfig, translate(content, 'ёЁ', 'еЕ'))
  -- And as they were written: what begins a word may be longer than its stem.
  || strip(to_tsvector('pg_catalog.simple'::regconfig, translate(content, 'ёЁ', 'еЕ')))
  || array_to_tsvector(array['#' || chat_id::text]);

create index messages_words_idx on public.messages using gin (public.message_words(chat_id, content))
where content is not null;

-- The rows of `search_messages`. It is never asked itself.
create view public.message_hits as
select null::uuid as user_id, null::bigint as message_id, null::bigint as chat_id, null::text as excerpt
where false;

comment on view public.message_hits is 'Messages that were found: the rows of search_messages';
comment on column public.message_hits.excerpt is 'What is around the words found, each between U+E000 and U+E001';

-- What somebody typed, as a query: phrases in quotes, words that must not be there after a minus, and the last word also
-- as the beginning of one.
create function public.words_query(typed text) returns tsquery
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  cleaned text := btrim(translate(left(typed, 256), 'ёЁ', 'еЕ'));
  last_word text := (regexp_match(cleaned, '(?:^|\s)([[:alnum:]]{2,})$'))[1];
  -- Inside a phrase there is no beginning of a word.
  is_open boolean := (char_length(cleaned) - char_length(replace(cleaned, '"', ''))) % 2 = 1;
  head tsquery;
  tail tsquery;
begin
  if last_word is null or is_open then
    return websearch_to_tsquery('pg_catalog.russian', cleaned);
  end if;
  cleaned := left(cleaned, char_length(cleaned) - char_length(last_word));
  -- After a minus, too, the word ends where it ends.
  if cleaned ~ '-$' then
    return websearch_to_tsquery('pg_catalog.russian', cleaned || last_word);
  end if;
  head := case when btrim(cleaned) <> '' then websearch_to_tsquery('pg_catalog.russian', cleaned) end;
  tail := to_tsquery('pg_catalog.simple', quote_literal(lower(last_word)) || ':*');
  if numnode(plainto_tsquery('pg_catalog.russian', last_word)) > 0 then
    tail := tail || plainto_tsquery('pg_catalog.russian', last_word);
  end if;
  return case when coalesce(numnode(head), 0) = 0 then tail else head && tail end;
end
$$;

create function public.search_messages(
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
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  words tsquery := public.words_query(search_messages.query);
  scoped tsquery := words;
  chats bigint[];
  hits bigint[];
begin
  if coalesce(char_length(btrim(search_messages.query)), 0) < 2 or numnode(words) = 0 then
    perform public.refuse('query-too-short');
  end if;
  perform public.spend_attempt(caller_id, 'search_messages', 60, interval '1 minute');
  chats := array(
    select m.chat_id from public.chat_members m
    where m.user_id = caller_id and m.left_at is null
      and (search_messages.chat_id is null or m.chat_id = search_messages.chat_id)
    limit 21
  );
  if cardinality(chats) = 0 then
    return;
  end if;

  -- A frequent word is among the newest messages, and its index entry would be long.
  hits := array(
    select newest.id
    from (
      select m.id, m.chat_id, m.seq, m.content, m.sender_id, m.created_at
      from public.messages m
      where m.id < coalesce(search_messages.before, 9223372036854775807)
      order by m.id desc limit 2000
    ) newest
    join public.chat_members own on own.chat_id = newest.chat_id and own.user_id = caller_id
      and own.left_at is null and newest.seq >= own.first_seq
    where (search_messages.chat_id is null or newest.chat_id = search_messages.chat_id)
      and (search_messages.sender_id is null or newest.sender_id = search_messages.sender_id)
      and (sent_from is null or newest.created_at >= sent_from)
      and (sent_until is null or newest.created_at < sent_until)
      and public.message_words(newest.chat_id, newest.content) @@ words
    order by newest.id desc
    limit 20
  );
  if cardinality(hits) < 20 then
    -- A few chats are named to the index; of many, what it finds is kept to them afterwards.
    if cardinality(chats) <= 20 then
      scoped := (
        select string_agg(quote_literal('#' || id::text), '|')::tsquery from unnest(chats) as id
      ) && words;
    end if;
    hits := array(
      -- Materialized, lest the order below lead the planner through all messages, newest first.
      with found_rows as materialized (
        select m.id, m.chat_id, m.seq, m.sender_id, m.created_at
        from public.messages m
        where public.message_words(m.chat_id, m.content) @@ scoped and m.content is not null
      )
      select f.id
      from found_rows f
      join public.chat_members own on own.chat_id = f.chat_id and own.user_id = caller_id
        and own.left_at is null and f.seq >= own.first_seq
      where (search_messages.before is null or f.id < search_messages.before)
        and (search_messages.chat_id is null or f.chat_id = search_messages.chat_id)
        and (search_messages.sender_id is null or f.sender_id = search_messages.sender_id)
        and (sent_from is null or f.created_at >= sent_from)
        and (sent_until is null or f.created_at < sent_until)
      order by f.id desc
      limit 20
    );
  end if;
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

comment on function public.search_messages is
  'Messages of the caller''s chats by their words, newest first, 20 at most; `before` is the id of the last one found';
