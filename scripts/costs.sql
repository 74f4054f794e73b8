-- A person with 10,000 chats, a channel of 100,000, a chat with 10,000 messages; then what each step costs, on a warm
-- database.
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;
set session_replication_role = replica;
create function pg_temp.person(number int) returns uuid immutable language sql as $$ select md5('person' || number)::uuid $$;
insert into auth.users (id, display_name, email, locale)
  select pg_temp.person(i), 'Person ' || i, 'person' || i || '@example.org', 'en' from generate_series(1, 100000) i;
insert into public.chats (id, type, name, user_id, member_count, last_seq, last_change, last_message_at)
  select i, 'group', 'Chat ' || i, pg_temp.person(i % 1000 + 2), 20, 10, 10, now() - i * interval '1 second'
  from generate_series(1, 10000) i;
insert into public.chats (id, type, name, user_id, member_count, last_seq, last_change)
  values (10001, 'channel', 'News', pg_temp.person(1), 100000, 1, 1),
    (10003, 'group', 'Busy', pg_temp.person(1), 2, 10000, 10000);
insert into public.chat_members (chat_id, user_id, last_read_seq, role) select i, pg_temp.person(1), 5, 'member' from generate_series(1, 10000) i;
insert into public.chat_members (chat_id, user_id, last_read_seq) select i, pg_temp.person(i % 1000 + 2 + j * 1000), 5 from generate_series(1, 10000) i, generate_series(0, 18) j;
insert into public.chat_members (chat_id, user_id, last_read_seq, role) select 10001, pg_temp.person(i), 1, case i when 1 then 'owner' else 'member' end from generate_series(1, 100000) i;
insert into public.chat_members (chat_id, user_id, last_read_seq) values (10003, pg_temp.person(1), 9000), (10003, pg_temp.person(2), 9000);
insert into public.messages (chat_id, seq, change, sender_id, content, created_at)
  select i, s, s, pg_temp.person(i % 1000 + 2), 'message ' || s, now() from generate_series(1, 10000) i, generate_series(1, 10) s;
insert into public.messages (chat_id, seq, change, sender_id, content, created_at)
  select 10003, s, s, pg_temp.person(1 + s % 2), 'message number ' || s, now() from generate_series(1, 10000) s;
set session_replication_role = origin;
insert into public.chats (id, type, name, user_id) values (10004, 'group', 'Two', pg_temp.person(1));
insert into public.chat_members (chat_id, user_id) values (10004, pg_temp.person(2));
vacuum analyze;

-- Once without looking, so that plans and pages are there.
prepare send (bigint, uuid, text) as
  insert into public.messages (chat_id, sender_id, client_id, content, as_person) values ($1, $2, gen_random_uuid(), $3, $2)
  on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id returning id, seq, change;
execute send (10001, pg_temp.person(1), 'warm') \g /dev/null
execute send (10004, pg_temp.person(1), 'warm') \g /dev/null

\echo '## Sending into a chat of two'
\echo '```'
explain (analyze, wal, buffers, timing off, summary on) execute send (10004, pg_temp.person(1), 'hello to one');
\echo '```'
\echo
\echo '## Sending into a channel of 100,000'
\echo '```'
explain (analyze, wal, buffers, timing off, summary on) execute send (10001, pg_temp.person(1), 'hello to all');
\echo '```'
\echo
\echo '## Editing'
\echo '```'
explain (analyze, wal, buffers, timing off, summary on)
update public.messages set content = 'edited', as_person = pg_temp.person(1) where chat_id = 10003 and seq = 9999;
\echo '```'
\echo
\echo '## Moving the read mark'
\echo '```'
explain (analyze, wal, buffers, timing off, summary on)
update public.chat_members set last_read_seq = 9500 where chat_id = 10003 and user_id = pg_temp.person(1);
\echo '```'
\echo
\echo '## The first 20 of 10,000 chats, with what is unread and the last message of each'
\echo '```'
prepare list (uuid) as
  select c.id, c.name, c.last_seq, own.unread_count, own.mention_count, own.is_archived, newest.content
  from (
    select c.* from public.chats c
    where exists (select from public.chat_members m where m.chat_id = c.id and m.user_id = $1 and m.left_at is null)
    order by c.last_message_at desc nulls last limit 20
  ) c
  left join public.memberships own on own.chat_id = c.id and own.user_id = $1
  left join lateral (
    select m.content from public.messages m where m.chat_id = c.id order by m.seq desc limit 1
  ) newest on true;
execute list (pg_temp.person(1)) \g /dev/null
explain (analyze, wal, buffers, timing off, summary on) execute list (pg_temp.person(1));
\echo '```'
\echo
\echo '## A page of 50 messages'
\echo '```'
prepare page (bigint, bigint, uuid) as
  select m.* from public.messages m
  where m.chat_id = $1 and m.seq < $2
    and exists (select from public.chat_members r where r.chat_id = m.chat_id and r.user_id = $3 and r.left_at is null and r.first_seq <= m.seq)
  order by m.seq desc limit 50;
execute page (10003, 5000, pg_temp.person(1)) \g /dev/null
explain (analyze, wal, buffers, timing off, summary on) execute page (10003, 5000, pg_temp.person(1));
\echo '```'
\echo
\echo '## Finding 20 of 100,000 people by a word of their name'
\echo '```'
select count(*) from public.search_people('person 77', json_build_object('x-hasura-user-id', pg_temp.person(1))) \g /dev/null
explain (analyze, wal, buffers, timing off, summary on)
select * from public.search_people('person 77', json_build_object('x-hasura-user-id', pg_temp.person(1)));
\echo '```'
\echo
\echo '## What changed in 10,000 chats since a cursor'
\echo '```'
select cursor as since from public.my_changes(null, json_build_object('x-hasura-user-id', pg_temp.person(1))) \gset
select count(*) from public.my_changes(:'since', json_build_object('x-hasura-user-id', pg_temp.person(1))) \g /dev/null
explain (analyze, wal, buffers, timing off, summary on)
select * from public.my_changes(:'since', json_build_object('x-hasura-user-id', pg_temp.person(1)));
\echo '```'
