do $test$
declare
  direct bigint; news bigint;
begin
  select id into direct from open_direct_chat(pg_temp.person(2), pg_temp.session(1));
  insert into chats (type, name, user_id) values ('channel', 'News', pg_temp.person(1)) returning id into news;
  insert into chat_members (chat_id, user_id) values (news, pg_temp.person(2));
  assert (select kind from set_typing(direct, 'text', pg_temp.session(1))) = 'text';
  assert (select count(*) from set_typing(direct, 'text', pg_temp.session(1))) = 0, 'written at most every three seconds';
  assert (select kind from set_typing(direct, 'audio', pg_temp.session(1))) = 'audio';
  perform pg_temp.refuses(format('select set_typing(%s, %L, pg_temp.session(9))', direct, 'text'), 'no-such-chat');
  perform pg_temp.refuses(format('select set_typing(%s, %L, pg_temp.session(2))', news, 'text'), 'no-such-chat');
  perform pg_temp.refuses(format('select set_typing(%s, %L, pg_temp.session(1))', direct, 'dance'), '23514');
  -- who sends has stopped, who says so too, and what has ended is swept
  insert into messages (chat_id, sender_id, content) values (direct, pg_temp.person(1), 'hello');
  assert not exists (select from typing where chat_id = direct);
  perform set_typing(direct, 'text', pg_temp.session(2));
  perform set_typing(direct, null, pg_temp.session(2));
  assert not exists (select from typing where chat_id = direct);
  perform set_typing(direct, 'text', pg_temp.session(2));
  assert (select count(*) from sweep_typing()) = 0;
  update typing set expires_at = now() - interval '1 second' where chat_id = direct;
  assert (select count(*) from sweep_typing()) = 1;
  insert into blocks values (pg_temp.person(1), pg_temp.person(2));
  assert (select count(*) from set_typing(direct, 'text', pg_temp.session(2))) = 0, 'nothing over a block';

  -- presence lives as long as the lease of a process
  insert into presence_processes values (pg_temp.person(1), now() + interval '15 seconds'), (pg_temp.person(2), now() + interval '15 seconds');
  insert into presence (user_id, process_id) values (pg_temp.person(3), pg_temp.person(1)), (pg_temp.person(3), pg_temp.person(2)), (pg_temp.person(4), pg_temp.person(2));
  assert (select count(*) from present_people) = 2;
  update presence_processes set leased_until = now() - interval '1 second' where id = pg_temp.person(2);
  assert (select array_agg(user_id) from present_people) = array[pg_temp.person(3)];
  assert (select count(*) from sweep_presence()) = 1 and (select visibility from present_people) = 'everybody';
  assert (select count(*) from presence) = 1;
end
$test$;
rollback;
