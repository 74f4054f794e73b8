create function pg_temp.say(chat bigint, number int, text_ text, variadic named uuid[] default '{}') returns messages language sql as $$
  insert into messages (chat_id, sender_id, client_id, content, mentions, as_person)
  values (chat, pg_temp.person(number), gen_random_uuid(), text_, nullif(named, '{}'), pg_temp.person(number)) returning *
$$;
create function pg_temp.react(message bigint, number int, emoji_ text) returns void language sql as $$
  insert into message_reactions (message_id, user_id, emoji) values (message, pg_temp.person(number), emoji_) on conflict do nothing
$$;
create function pg_temp.unread_mentions(chat bigint, number int) returns int language sql as $$
  select unread_mentions from chat_members where chat_id = chat and user_id = pg_temp.person(number)
$$;
do $test$
declare
  team bigint; direct bigint; file uuid; a messages; b messages; fwd messages; k uuid := gen_random_uuid(); n bigint;
begin
  insert into chats (type, name, user_id) values ('group', 'Team', pg_temp.person(1)) returning id into team;
  perform add_members(team, array[pg_temp.person(2), pg_temp.person(3), pg_temp.person(4)], pg_temp.session(1));
  select id into direct from open_direct_chat(pg_temp.person(2), pg_temp.session(1));

  -- editing
  a := pg_temp.say(team, 1, 'first');
  assert a.as_person is null and a.mentions is null;
  update messages set content = 'second', as_person = pg_temp.person(1) where id = a.id;
  update messages set content = 'third', as_person = pg_temp.person(1) where id = a.id returning * into b;
  assert (select array_agg(content order by change) = '{first,second}' from message_edits where message_id = a.id);
  assert b.change = a.change + 2 and b.as_person is null;
  update messages set client_id = client_id, as_person = pg_temp.person(1) where id = a.id returning change into n;
  assert n = b.change, 'no change';
  insert into messages (chat_id, sender_id, content, created_at) values (team, pg_temp.person(1), 'old', now() - interval '49 hours') returning * into b;
  perform pg_temp.refuses(format('update messages set content = %L, as_person = pg_temp.person(1) where id = %s', 'x', b.id), 'edit-too-late');
  update messages set content = 'the administrator may' where id = b.id;
  insert into message_edits (chat_id, message_id, change, seq, content, written_at) select team, a.id, -i, a.seq, 'x', now() from generate_series(1, 98) i;
  perform pg_temp.refuses(format('update messages set content = %L, as_person = pg_temp.person(1) where id = %s', 'x', a.id), 'too-many-edits');

  -- length and emptiness, by their codes
  perform pg_temp.refuses(format('select pg_temp.say(%s, 1, repeat(%L, 10001))', team, 'я'), 'message-too-long');
  perform pg_temp.refuses(format('select pg_temp.say(%s, 1, %L)', team, t), 'message-empty') from unnest(array[E' \n', null]) t;
  perform pg_temp.refuses(format('update messages set client_id = gen_random_uuid() where id = %s', a.id), 'client-id-fixed');
  perform pg_temp.refuses(format('update messages set seq = 999 where id = %s', a.id), 'message-fixed');
  update rule_limits set value = 3 where name = 'message-characters';
  perform pg_temp.refuses(format('select pg_temp.say(%s, 1, %L)', team, 'four'), 'message-too-long');
  update rule_limits set value = 10000 where name = 'message-characters';
  -- the rate over all chats: a statement of many counts as many
  update rule_limits set value = 4 where name = 'messages-per-minute-everywhere';
  update spent_attempts set times = 0 where kind = 'messages-per-minute-everywhere';
  insert into messages (chat_id, sender_id, content, as_person) select case when i = 2 then direct else team end, pg_temp.person(2), 'x', pg_temp.person(2) from generate_series(1, 4) i;
  perform pg_temp.refuses(format('select pg_temp.say(%s, 2, %L)', team, 'x'), 'sending-too-fast-everywhere');
  perform pg_temp.say(team, 3, 'others are not concerned');
  update rule_limits set value = 300 where name = 'messages-per-minute-everywhere';
  update chat_members set sent_count = 0 where chat_id = team;
  -- several people in one statement: each is counted, in the chat and over all
  update spent_attempts set times = 0 where kind = 'messages-per-minute-everywhere';
  insert into messages (chat_id, sender_id, content, as_person)
  select team, pg_temp.person(1 + i % 3), 'x', pg_temp.person(1 + i % 3) from generate_series(0, 4) i;
  assert (select array_agg(sent_count order by user_id) = '{2,2,1}' from chat_members
    where chat_id = team and user_id in (pg_temp.person(1), pg_temp.person(2), pg_temp.person(3)));
  assert (select array_agg(times order by user_id) = '{2,2,1}' from spent_attempts where kind = 'messages-per-minute-everywhere'
    and user_id in (pg_temp.person(1), pg_temp.person(2), pg_temp.person(3)));
  update chat_members set sent_count = 0 where chat_id = team;

  -- the rate, for people alone; what is sent again does not count
  perform pg_temp.say(team, 3, 'n' || i) from generate_series(1, 60) i;
  perform pg_temp.refuses(format('select pg_temp.say(%s, 3, %L)', team, 'x'), 'sending-too-fast');
  insert into messages (chat_id, sender_id, content) values (team, pg_temp.person(3), 'the administrator may');
  update chat_members set sending_since = now() - interval '2 minutes' where chat_id = team and user_id = pg_temp.person(3);
  insert into messages (chat_id, sender_id, client_id, content, as_person) values (team, pg_temp.person(3), k, 'again', pg_temp.person(3));
  insert into messages (chat_id, sender_id, client_id, content, as_person) values (team, pg_temp.person(3), k, 'again', pg_temp.person(3))
    on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id, as_person = excluded.as_person;
  assert (select (sent_count, unread_mentions) = (1, 0) from chat_members where chat_id = team and user_id = pg_temp.person(3));

  -- mentions: by the client's list, by the user name; members alone, oneself never
  insert into user_settings (user_id, username) values (pg_temp.person(2), 'bertha'), (pg_temp.person(9), 'stranger');
  a := pg_temp.say(team, 1, 'Dear @Bertha, @stranger, me@bertha and @nobody!', pg_temp.person(4), pg_temp.person(9), pg_temp.person(1));
  assert a.mentions = array[pg_temp.person(2), pg_temp.person(4)] and not a.mentions_all;
  assert pg_temp.unread_mentions(team, 2) = 1 and pg_temp.unread_mentions(team, 4) = 1 and pg_temp.unread_mentions(team, 3) = 0;
  b := pg_temp.say(team, 1, 'mail me@bertha only');
  assert b.mentions is null;
  update messages set content = 'now @bertha' where id = b.id;
  assert pg_temp.unread_mentions(team, 2) = 2;
  -- an edit says anew whom it means
  update messages set content = 'nobody any more', as_person = pg_temp.person(1) where id = a.id returning * into a;
  assert a.mentions is null and pg_temp.unread_mentions(team, 2) = 1 and pg_temp.unread_mentions(team, 4) = 0;
  -- reading, up to one and beyond it
  a := pg_temp.say(team, 1, '@bertha again');
  update chat_members set last_read_seq = b.seq where chat_id = team and user_id = pg_temp.person(2);
  assert pg_temp.unread_mentions(team, 2) = 1;
  update messages set content = '@bertha, once more', mentions = null where id = b.id;
  assert pg_temp.unread_mentions(team, 2) = 1, 'what was read is not counted';
  update chat_members set last_read_seq = a.seq where chat_id = team and user_id = pg_temp.person(2);
  assert pg_temp.unread_mentions(team, 2) = 0;
  a := pg_temp.say(team, 1, '@bertha');
  perform delete_message(a.id, pg_temp.session(1));
  assert pg_temp.unread_mentions(team, 2) = 0 and not exists (select from message_mentions where message_id = a.id);
  -- all, in both languages; not by anybody in a crowd
  assert (pg_temp.say(team, 4, 'hello @all')).mentions_all and (pg_temp.say(team, 4, 'привет, @все!')).mentions_all;
  assert not (pg_temp.say(team, 4, 'hello @allan and @alla')).mentions_all and not (pg_temp.say(team, 4, 'me@all.org')).mentions_all;
  update chats set member_count = 101 where id = team;
  assert not (pg_temp.say(team, 4, 'hello @all')).mentions_all and (pg_temp.say(team, 1, 'hello @all')).mentions_all;
  update chats set member_count = 4 where id = team;

  -- forwards: what it says and carries is the first one's, and so is the name
  insert into storage.files (bucket_id, name, is_uploaded, uploaded_by_user_id) values ('messages', 'a.jpg', true, pg_temp.person(1)) returning id into file;
  insert into messages (chat_id, sender_id, content, file_id) values (team, pg_temp.person(1), 'look', file) returning * into a;
  insert into messages (chat_id, sender_id, content, forwarded_from_id, as_person) values (direct, pg_temp.person(2), 'forged', a.id, pg_temp.person(2)) returning * into fwd;
  assert fwd.content = 'look' and fwd.file_id = file and fwd.forwarded_sender_id = pg_temp.person(1);
  insert into messages (chat_id, sender_id, forwarded_from_id, as_person) values (team, pg_temp.person(1), fwd.id, pg_temp.person(1)) returning * into b;
  assert b.content = 'look' and b.forwarded_sender_id = pg_temp.person(1), 'forwarded on, it is still the first one''s';
  assert exists (select from message_readers where file_id = file and user_id = pg_temp.person(4));

  -- reactions: one of a kind each, twenty kinds, a change of the message
  n := b.change;
  perform pg_temp.react(b.id, 2, '👍');
  perform pg_temp.react(b.id, 2, '👍');
  perform pg_temp.react(b.id, 3, '👍');
  perform pg_temp.react(b.id, 3, '❤️');
  select * into b from messages where id = b.id;
  assert b.reaction_counts = '{"👍": 2, "❤️": 1}' and b.change = n + 3 and b.edited_at is null;
  delete from message_reactions where message_id = b.id and user_id = pg_temp.person(3);
  select * into b from messages where id = b.id;
  assert b.reaction_counts = '{"👍": 1}' and b.change = n + 5;
  perform pg_temp.refuses(format('select pg_temp.react(%s, 3, %L)', b.id, e), '23514') from unnest(array['', ' ', 'a b', repeat('x', 17)]) e;
  perform pg_temp.react(b.id, 3, 'e' || i) from generate_series(1, 19) i;
  perform pg_temp.refuses(format('select pg_temp.react(%s, 3, %L)', b.id, '🎉'), 'too-many-reactions');
  perform pg_temp.react(b.id, 4, '👍');
  perform pg_temp.refuses('select pg_temp.react(999999999, 3, ''x'')', 'no-such-message');

  -- pins
  insert into pinned_messages (message_id, pinned_by) values (b.id, pg_temp.person(1));
  assert (select event_data ->> 'messageId' = b.id::text from messages where chat_id = team and event = 'pinned');
  insert into pinned_messages (message_id) select m.id from messages m where chat_id = team and deleted_at is null and m.id <> b.id order by m.id limit 60;
  insert into messages (chat_id, content) select team, 'filling' from generate_series(1, 40);
  insert into pinned_messages (message_id) select m.id from messages m where chat_id = team and content = 'filling' order by m.id limit 39;
  perform pg_temp.refuses(format('insert into pinned_messages (message_id) select max(id) from messages where chat_id = %s and content = %L', team, 'filling'), 'too-many-pins');

  -- deletion for all: whose, by whom, and what it takes along
  perform pg_temp.refuses(format('select delete_message(%s, pg_temp.session(3))', b.id), 'not-allowed');
  perform pg_temp.refuses(format('select delete_message(%s, pg_temp.session(2))', a.id), 'not-allowed');
  perform pg_temp.refuses(format('select delete_message(%s, pg_temp.session(9))', a.id), 'no-such-message');
  perform pg_temp.refuses('select delete_message(999999999, pg_temp.session(1))', 'no-such-message');
  perform pg_temp.refuses(format('select delete_message(%s, pg_temp.session(1))', fwd.id), 'not-allowed');
  n := (delete_message(b.id, pg_temp.session(1))).change;
  select * into b from messages where id = b.id;
  assert b.content is null and b.file_id is null and b.reaction_counts is null and b.forwarded_sender_id is null and b.change = n, 'in one change';
  assert (delete_message(b.id, pg_temp.session(1))).change = n, 'once';
  assert not exists (select from message_reactions where message_id = b.id) and not exists (select from pinned_messages where message_id = b.id);
  perform pg_temp.refuses(format('select pg_temp.react(%s, 3, %L)', b.id, 'x'), 'no-such-message');
  perform pg_temp.refuses(format('insert into pinned_messages (message_id) values (%s)', b.id), 'no-such-message');
  b := pg_temp.say(team, 3, 'mine');
  perform delete_message(b.id, pg_temp.session(3));
  b := pg_temp.say(team, 4, 'not mine');
  perform delete_message(b.id, pg_temp.session(1));

  -- a block stops words, edits and reactions in the direct chat
  a := pg_temp.say(direct, 1, 'before');
  insert into blocks values (pg_temp.person(2), pg_temp.person(1));
  perform pg_temp.refuses(format('select pg_temp.say(%s, %s, %L)', direct, who, 'x'), 'blocked') from generate_series(1, 2) who;
  perform pg_temp.refuses(format('update messages set content = %L, as_person = pg_temp.person(1) where id = %s', 'x', a.id), 'blocked');
  perform pg_temp.refuses(format('select pg_temp.react(%s, 1, %L)', a.id, 'x'), 'blocked');
  perform delete_message(a.id, pg_temp.session(1));
  perform pg_temp.say(team, 1, 'a group is not concerned');

  -- drafts
  insert into drafts (user_id, chat_id, content) values (pg_temp.person(1), team, 'half a');
  perform pg_temp.refuses(format('insert into drafts (user_id, chat_id, content) values (pg_temp.person(1), %s, %L)', direct, ''), '23514');

  -- an account that goes takes its reactions and mentions along, and the counts follow
  a := pg_temp.say(team, 1, 'for @bertha');
  perform pg_temp.react(a.id, 2, '👍');
  delete from auth.users where id = pg_temp.person(2);
  assert (select reaction_counts from messages where id = a.id) is null;
  -- numbers have no gap, counts equal counting
  assert not exists (select from chat_members m where m.left_at is null and unread_mentions <> (
    select count(*) from message_mentions x where x.user_id = m.user_id and x.chat_id = m.chat_id and x.seq > m.last_read_seq));
  assert (select (c.last_seq, c.last_change) = (max(x.seq), max(x.change)) from messages x join chats c on c.id = x.chat_id where c.id = team group by c.id);
  delete from chats where id = team;
end
$test$;
rollback;
