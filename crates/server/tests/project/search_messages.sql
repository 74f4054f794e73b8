create function pg_temp.hits(number int, typed text, variadic filters text[] default '{}') returns text language sql as $$
  select coalesce(string_agg(m.content, ' | ' order by h.message_id desc), '')
  from search_messages(typed, pg_temp.session(number), chat_id => (filters[1])::bigint, sender_id => (filters[2])::uuid, sent_until => (filters[3])::timestamptz) h
  join messages m on m.id = h.message_id
$$;
do $test$
declare
  team bigint; other bigint; n bigint;
begin
  insert into chats (type, name, user_id) values ('group', 'Team', pg_temp.person(1)) returning id into team;
  insert into chats (type, name, user_id) values ('group', 'Other', pg_temp.person(2)) returning id into other;
  insert into chat_members (chat_id, user_id) values (other, pg_temp.person(1));
  insert into messages (chat_id, sender_id, content, created_at) values (team, pg_temp.person(1), 'Ёлки продавали за книгами', '2020-01-01');
  insert into messages (chat_id, sender_id, content) values
    (team, pg_temp.person(1), 'She was running home'), (other, pg_temp.person(2), 'Он читает книгу дома'),
    (other, pg_temp.person(2), 'home running she was');
  -- word forms of both languages, prefixes, phrases, words that must not be there
  assert pg_temp.hits(1, 'книга') = 'Он читает книгу дома | Ёлки продавали за книгами';
  assert pg_temp.hits(1, 'елка') = 'Ёлки продавали за книгами' and pg_temp.hits(1, 'ЁЛКИ') <> '';
  assert pg_temp.hits(1, 'runs') = 'home running she was | She was running home';
  assert pg_temp.hits(1, 'книг продав') = 'Ёлки продавали за книгами';
  assert pg_temp.hits(1, 'runn') = 'home running she was | She was running home';
  assert pg_temp.hits(1, '"running home"') = 'She was running home';
  assert pg_temp.hits(1, 'книга -дом') = 'Ёлки продавали за книгами' and pg_temp.hits(1, 'книга -дома ел') = 'Ёлки продавали за книгами';
  -- by chat, sender, date; only where one is, and what one may see
  assert pg_temp.hits(1, 'книга', other::text) = 'Он читает книгу дома';
  assert pg_temp.hits(1, 'книга', null, pg_temp.person(1)::text) = 'Ёлки продавали за книгами';
  assert pg_temp.hits(1, 'книга', null, null, '2021-01-01') = 'Ёлки продавали за книгами';
  assert pg_temp.hits(2, 'книга') = 'Он читает книгу дома' and pg_temp.hits(9, 'книга') = '';
  assert pg_temp.hits(2, 'книга', team::text) = '';
  update chat_members set left_at = now() where chat_id = other and user_id = pg_temp.person(1);
  assert pg_temp.hits(1, 'книга') = 'Ёлки продавали за книгами';
  update messages set deleted_at = now() where chat_id = team and content like 'Ёлки%';
  assert pg_temp.hits(1, 'книга') = '', 'deleted is gone';
  -- page by page, with what is around the word
  insert into messages (chat_id, content) select team, 'page ' || i from generate_series(1, 25) i;
  select min(message_id) into n from search_messages('page', pg_temp.session(1));
  assert (select count(*) from search_messages('page', pg_temp.session(1), before => n)) = 5;
  assert (select excerpt from search_messages('page 25', pg_temp.session(1))) = U&'\E000page\E001 \E00025\E001';
  -- in a large chat, too: far apart, and brought from elsewhere with dates of their own
  insert into chats (type, name, user_id) values ('group', 'Large', pg_temp.person(1)) returning id into team;
  insert into messages (id, chat_id, sender_id, content, created_at) overriding system value values
    (5000000, team, pg_temp.person(1), 'мост один', '2019-05-05'), (9000000, team, pg_temp.person(1), 'мост два', '2018-05-05'),
    (9000001, team, pg_temp.person(1), 'мост три', '2019-06-06');
  update chats set last_seq = 30000 where id = team;
  assert pg_temp.hits(1, 'мост') = 'мост три | мост два | мост один';
  assert pg_temp.hits(1, 'мост', null, pg_temp.person(1)::text) = 'мост три | мост два | мост один';
  assert pg_temp.hits(1, 'мост', team::text, null, '2019-06-01') = 'мост два | мост один';
  assert pg_temp.hits(1, 'мост', null, pg_temp.person(1)::text, '2019-01-01') = 'мост два';
  assert pg_temp.hits(1, 'мост', null, null, '2018-01-01') = '';
  assert newest_stretch(9223372036854775807, '2019-01-01', '2019-06-01') = 5000000 >> 14;
  assert newest_stretch(9223372036854775807, '2018-05-05', '2018-05-06') = 9000000 >> 14;
  assert newest_stretch(5000001, '2018-01-01', '2020-01-01') = 5000000 >> 14;
  assert newest_stretch(5000000, '2018-01-01', '2020-01-01') is null;
  assert newest_stretch(9223372036854775807, '2017-01-01', '2018-01-01') is null;
  perform pg_temp.refuses(format('select search_messages(%L, pg_temp.session(1))', q), 'query-too-short') from unnest(array['', 'x', '  ', null, '""', '- -']) q;
end
$test$;
rollback;
