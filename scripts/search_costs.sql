-- A million messages, and what finding words in them costs: a chat of 400,000, 1,000 chats of 600, people in few, many and
-- all of them. Words come as often as in a language: the tenth is ten times as rare as the first.
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;
set session_replication_role = replica;
set maintenance_work_mem = '512MB';
create function pg_temp.person(number int) returns uuid immutable language sql as $$ select md5('person' || number)::uuid $$;
create function pg_temp.session(number int) returns json immutable language sql as $$
  select json_build_object('x-hasura-user-id', pg_temp.person(number))
$$;
create function pg_temp.word(number int) returns text immutable language sql as $$
  select coalesce(
    (array['встреча', 'meeting', 'завтра', 'project', 'книга', 'running', 'договор', 'letter'])[number],
    (
      select string_agg(syllable[1 + (number / (9 ^ place)::int + place) % 9], '' order by place desc)
      from generate_series(0, 4) as place, (values (case number % 2
        when 0 then array['ка', 'но', 'ри', 'сто', 'ве', 'мо', 'лу', 'дя', 'щи']
        else array['ba', 'ren', 'to', 'mi', 'lor', 'su', 'ded', 'ka', 'win'] end)) as s (syllable)
    )
  )
$$;
insert into auth.users (id, display_name, email, locale)
  select pg_temp.person(i), 'Person ' || i, 'person' || i || '@example.org', 'en' from generate_series(1, 2000) i;
insert into public.chats (id, type, name, user_id, member_count, last_seq, last_change)
  select i, 'group', 'Chat ' || i, pg_temp.person(2), 20, 600, 600 from generate_series(1, 1000) i
  union all select 1001, 'group', 'Busy', pg_temp.person(2), 20, 400000, 400000;
-- The first is in the busy chat and eleven others, the second in 300, the third in all of them, the fourth in three, the
-- fifth in forty.
insert into public.chat_members (chat_id, user_id, last_read_seq)
  select c.id, pg_temp.person(p), 0 from public.chats c, generate_series(1, 3) p
  where (p = 1 and (c.id <= 11 or c.id = 1001)) or (p = 2 and c.id between 1 and 300) or p = 3
  union all select c, pg_temp.person(4), 0 from generate_series(1, 3) c
  union all select c, pg_temp.person(5), 0 from generate_series(1, 40) c
  union all select c.id, pg_temp.person(6 + p), 0 from public.chats c, generate_series(0, 19) p where c.id % 4 = p % 4 or c.id = 1001;
create temporary table words as select i, pg_temp.word(i) as word from generate_series(1, 20000) i;
create unique index on words (i);
analyze words;
set enable_hashjoin = off;
set enable_mergejoin = off;
select pg_get_indexdef('public.messages_words_idx'::regclass) as make_index \gset
drop index public.messages_words_idx;
select setseed(0.5) \g /dev/null
insert into public.messages (chat_id, seq, change, sender_id, content, created_at)
select chat, row_number() over w, row_number() over w, pg_temp.person(6 + number % 20), content, '2024-01-01'::timestamptz + number * interval '1 minute'
from (
  select n as number, case when n % 5 < 2 then 1001 else 1 + abs(hashint4(n)::bigint) % 1000 end as chat,
    (
      select string_agg(w.word, ' ') from (
        select floor(20000 ^ random())::int as i from generate_series(1, 5 + n % 9)
      ) r join words w on w.i = r.i
    ) as content
  from generate_series(1, 1000000) n
) x
window w as (partition by chat order by number)
order by number;
set session_replication_role = origin;
:make_index;
vacuum analyze;
update public.rule_limits set value = 1000000 where name like '%searches%';

-- The middle of five times, in milliseconds, and how many were found.
create function pg_temp.measure(number int, query text, chat bigint, sender int, sent_from timestamptz, sent_until timestamptz) returns text
language plpgsql as $$
declare
  began timestamptz;
  found_count int;
  times numeric[] := '{}';
begin
  for turn in 1..5 loop
    began := clock_timestamp();
    select count(*) into found_count from public.search_messages(
      query, pg_temp.session(number), chat_id => chat, sender_id => case when sender > 0 then pg_temp.person(sender) end,
      sent_from => measure.sent_from, sent_until => measure.sent_until
    );
    times := times || extract(epoch from clock_timestamp() - began) * 1000;
  end loop;
  return format('%s ms, %s', (select round(percentile_cont(0.5) within group (order by t)::numeric) from unnest(times) t), found_count);
end
$$;
\echo '## Finding words in 1,000,000 messages'
\echo
\echo 'The middle of five times, and how many were found (twenty at most). The words are in 47 %, 32 %, 15 %, 0.1 % and none of the'
\echo 'messages.'
\echo
\echo '| searched for | one chat of 400,000 | in 12 chats | in 300 | in 1,001 | in 3 quiet ones | in 40 quiet ones |'
\echo '|---|---|---|---|---|---|---|'
select format('| %s | %s |', title, string_agg(pg_temp.measure(p, query, case o when 1 then 1001 end, sender, since, until), ' | ' order by o))
from (values
  (1, '`встреча`', 'встречи', 0, null::timestamptz, null::timestamptz),
  (2, '`meet`, as a beginning', 'meet', 0, null, null),
  (3, '`книга`, another form', 'книгами', 0, null, null),
  (4, 'a rare word', (select word from words where i = 150), 0, null, null),
  (5, 'none', 'nowhere', 0, null, null),
  (6, '`"завтра project"`', '"завтра project"', 0, null, null),
  (7, '`meeting -встреча`', 'meeting -встреча', 0, null, null),
  (8, '`meeting`, by one of 20 people', 'meeting', 7, null, null),
  (9, '`meeting`, in a week of the past', 'meeting', 0, '2024-12-01', '2024-12-08'),
  (10, '`meeting`, before a year ago', 'meeting', 0, null, '2025-01-01')
) as searches (row, title, query, sender, since, until),
  unnest(array[1, 1, 2, 3, 4, 5]) with ordinality as people (p, o)
group by row, title order by row;
\echo
