-- What the bench asks about: people, chats of Zipf sizes with Zipf numbers of messages, written in the order of
-- time. Variables of psql: users, chats, messages.
--
-- The rules' triggers are passed by: the rows are such as they would have made, in a minute instead of an hour.
\set QUIET on
set session_replication_role = replica;
set synchronous_commit = off;

create schema bench;

create function bench.person(number bigint) returns uuid
immutable parallel safe language sql
return md5('person ' || number::text)::uuid;

-- The members of a chat by their place, 0 and on; 37 and the number of people have no common divisor, so none comes twice.
create function bench.member(chat bigint, place bigint) returns uuid
immutable parallel safe language sql
return bench.person((chat * 7919 + place * 37) % :users);

insert into auth.users (id, display_name, email, locale)
select bench.person(n), 'Person ' || n, 'person' || n || '@example.org', 'en'
from generate_series(0, :users - 1) n;

-- The exponent of both laws.
create table bench.sizes as
with weights as (
  select k, k ^ -0.7 as weight, sum(k ^ -0.7) over () as total from generate_series(1, :chats) k
)
select
  k as chat_id,
  greatest(12 * (k <= :chats / 10)::int, 2, least(30 * :users * weight / total, :users / 2))::int as members,
  greatest(3, :messages * weight / total)::int as messages
from weights;

-- Rounding leaves a few too many or too few: the largest chat takes them.
update bench.sizes set messages = messages + :messages - (select sum(messages) from bench.sizes) where chat_id = 1;

insert into public.chats (id, type, name, user_id, member_count, last_seq, last_change, last_message_at, created_at)
select
  chat_id, 'group', 'Chat ' || chat_id, bench.member(chat_id, 0), members, messages, messages,
  timestamptz '2026-01-01' - random() * interval '10 days', timestamptz '2024-12-31'
from bench.sizes;

insert into public.chat_members (chat_id, user_id, role, last_read_seq, joined_at)
select
  chat_id, bench.member(chat_id, place), case place when 0 then 'owner' else 'member' end,
  greatest(0, messages - (random() * 10)::int), timestamptz '2024-12-31'
from bench.sizes, generate_series(0, members - 1) place;

-- In the order in which they would have been written, so that a chat's messages lie as far apart as in life.
insert into public.messages (chat_id, seq, change, sender_id, client_id, content, created_at)
select
  chat_id, seq, seq, bench.member(chat_id, (random() * (members - 1))::int), gen_random_uuid(),
  substr(
    repeat('The quick brown fox jumps over the lazy dog, and then it "rests" a while. ', 4),
    1 + (random() * 70)::int, 10 + (random() * random() * 200)::int
  ),
  timestamptz '2025-01-01' + interval '365 days' * ((seq - random()) / messages)
from bench.sizes, generate_series(1, messages) seq
order by (seq - 0.5) / messages;

select setval(pg_get_serial_sequence('public.chats', 'id'), max(id)) as ignored from public.chats \gset
select setval(pg_get_serial_sequence('public.messages', 'id'), max(id)) as ignored from public.messages \gset

-- Somebody at random with eight of their chats, those with so many messages at least: who asks, and about what.
create function bench.pick(least_messages bigint, out caller uuid, out chats bigint[])
volatile language plpgsql as $$
begin
  caller := bench.person(floor(random() * (select count from bench.people))::bigint);
  chats := array(
    select m.chat_id from public.chat_members m join public.chats c on c.id = m.chat_id
    where m.user_id = caller and m.left_at is null and c.last_seq >= least_messages
    order by random() limit 8
  );
  -- Who has fewer asks about one of them again.
  chats := array(select chats[1 + n % cardinality(chats)] from generate_series(0, 7) n);
end
$$;

create table bench.people as select count(*) from auth.users;

-- As an operator sets it: the bench sends faster than people may.
update public.rule_limits set value = 2147483647 where name like 'messages-per-minute%';

set session_replication_role = origin;
vacuum (analyze, freeze);
checkpoint;
