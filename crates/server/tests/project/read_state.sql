create function pg_temp.mine(chat bigint, number int) returns memberships language sql as $$
  select * from memberships where chat_id = chat and user_id = pg_temp.person(number)
$$;
do $test$
declare
  team bigint; m messages; k memberships; n bigint;
begin
  insert into chats (type, name, user_id) values ('group', 'Team', pg_temp.person(1)) returning id into team;
  insert into chat_members (chat_id, user_id) select team, pg_temp.person(i) from generate_series(2, 4) i;
  insert into messages (chat_id, sender_id, content) select team, pg_temp.person(1), 'm' || i from generate_series(1, 9) i;
  insert into messages (chat_id, sender_id, content) values (team, pg_temp.person(1), 'hello @all') returning * into m;
  k := pg_temp.mine(team, 2);
  assert (k.unread_count, k.mention_count, k.is_archived, k.is_muted) = (10, 1, false, false);
  k := pg_temp.mine(team, 1);
  assert (k.unread_count, k.mention_count, k.last_delivered_seq) = (0, 0, 10), 'one''s own';
  insert into user_settings (user_id, username) values (pg_temp.person(2), 'bertha');
  insert into messages (chat_id, sender_id, content) values (team, pg_temp.person(1), '@all and @bertha');
  assert (pg_temp.mine(team, 2)).mention_count = 2, 'once per message';

  -- delivered: grows, never beyond the end, never behind what is read
  update chat_members set last_delivered_seq = 5 where chat_id = team and user_id = pg_temp.person(2);
  update chat_members set last_delivered_seq = 3 where chat_id = team and user_id = pg_temp.person(2);
  assert (pg_temp.mine(team, 2)).last_delivered_seq = 5 and (pg_temp.mine(team, 2)).last_read_seq = 0;
  update chat_members set last_delivered_seq = 99 where chat_id = team and user_id = pg_temp.person(3);
  assert (pg_temp.mine(team, 3)).last_delivered_seq = 11;
  update chat_members set last_read_seq = 10 where chat_id = team and user_id = pg_temp.person(2);
  k := pg_temp.mine(team, 2);
  assert (k.unread_count, k.mention_count, k.last_delivered_seq) = (1, 1, 10);

  -- who has read
  assert (select array_agg(user_id) from readers_of(m.id, pg_temp.session(3))) = array[pg_temp.person(2)];
  perform pg_temp.refuses(format('select readers_of(%s, pg_temp.session(9))', m.id), 'no-such-message');
  update chats set member_count = 201 where id = team;
  perform pg_temp.refuses(format('select readers_of(%s, pg_temp.session(3))', m.id), 'chat-too-large');
  update chats set member_count = 4 where id = team;

  -- who hides what they have read: seen by themselves alone, and given up when they show it again
  insert into user_settings (user_id, read_receipts) values (pg_temp.person(4), false);
  update chat_members set last_read_seq = 10 where chat_id = team and user_id = pg_temp.person(4);
  assert (select (last_read_seq, last_delivered_seq) = (0, 10) from chat_members where chat_id = team and user_id = pg_temp.person(4)), 'delivered is shown';
  k := pg_temp.mine(team, 4);
  assert (k.last_read_seq, k.unread_count, k.mention_count) = (10, 1, 1);
  assert (select array_agg(user_id) from readers_of(m.id, pg_temp.session(3))) = array[pg_temp.person(2)];
  perform pg_temp.refuses(format('select readers_of(%s, pg_temp.session(4))', m.id), 'receipts-hidden');
  update chat_members set last_read_seq = 4 where chat_id = team and user_id = pg_temp.person(4);
  assert (pg_temp.mine(team, 4)).last_read_seq = 10;
  update user_settings set read_receipts = true where user_id = pg_temp.person(4);
  update chat_members set last_read_seq = 11 where chat_id = team and user_id = pg_temp.person(4);
  assert (select (last_read_seq, hidden_read_seq) = (11, 10) from chat_members where chat_id = team and user_id = pg_temp.person(4));
  assert (pg_temp.mine(team, 4)).unread_count = 0;

  -- put aside: a new message brings it back, unless it is muted
  update chat_members set archived_at = now() where chat_id = team and user_id = pg_temp.person(2);
  assert (pg_temp.mine(team, 2)).is_archived;
  insert into messages (chat_id, content) values (team, 'news');
  assert not (pg_temp.mine(team, 2)).is_archived;
  update chat_members set muted_until = now() + interval '1 hour' where chat_id = team and user_id = pg_temp.person(2);
  assert (pg_temp.mine(team, 2)).is_archived and (pg_temp.mine(team, 2)).is_muted;
  update chat_members set muted_until = now() - interval '1 second' where chat_id = team and user_id = pg_temp.person(2);
  assert not (pg_temp.mine(team, 2)).is_archived;
  update chat_members set archived_at = null where chat_id = team and user_id = pg_temp.person(2);
  update chat_members set archived_at = now() where chat_id = team and user_id = pg_temp.person(2);
  assert (pg_temp.mine(team, 2)).is_archived, 'again, from now on';

  update chat_members set muted_until = case user_id when pg_temp.person(2) then now() - interval '1 second' when pg_temp.person(3) then 'infinity' else now() + interval '1 hour' end where chat_id = team;
  assert (select array_agg(user_id) from sweep_mutes()) = array[pg_temp.person(2)] and (select count(*) from sweep_mutes()) = 0;
  assert (select count(*) from chat_members where chat_id = team and muted_until is not null) = 3;

  -- on top
  insert into chats (id, type, name) select 8000000 + i, 'group', 'Chat ' || i from generate_series(1, 100) i;
  insert into chat_members (chat_id, user_id, pinned_at) select 8000000 + i, pg_temp.person(2), now() from generate_series(1, 100) i;
  perform pg_temp.refuses(format('update chat_members set pinned_at = now() where chat_id = %s and user_id = pg_temp.person(2)', team), 'too-many-pinned-chats');
  update chat_members set pinned_at = null where chat_id = 8000001 and user_id = pg_temp.person(2);
  update chat_members set pinned_at = now() where chat_id = team and user_id = pg_temp.person(2);
end
$test$;
rollback;
