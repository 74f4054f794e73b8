create function pg_temp.make_chat(kind text, owner int, title text default 'Team') returns bigint language sql as $$
  insert into chats (type, name, user_id, as_person) values (kind, title, pg_temp.person(owner), pg_temp.person(owner)) returning id
$$;
create function pg_temp.add(chat bigint, caller int, variadic numbers int[]) returns bigint language sql as $$
  select count(*) from add_members(chat, array(select pg_temp.person(n) from unnest(numbers) n), pg_temp.session(caller))
$$;
create function pg_temp.role_of(chat bigint, number int) returns text language sql as $$
  select coalesce((select role from memberships where chat_id = chat and user_id = pg_temp.person(number)), 'none')
$$;
create function pg_temp.events(chat bigint) returns text language sql as $$
  select string_agg(event, ' ' order by seq) from messages where chat_id = chat
$$;
do $test$
declare
  team bigint; news bigint; solo bigint; direct bigint; invite text; m chat_members; j memberships; file uuid; n int;
begin
  team := pg_temp.make_chat('group', 1);
  assert (select (member_count, as_person is null, last_seq) = (1, true, 0) from chats where id = team);
  -- adding: by owner and administrators, nobody blocked, nobody unknown, each once
  assert pg_temp.add(team, 1, 2, 3, 4, 2) = 3;
  assert (select member_count from chats where id = team) = 4 and pg_temp.events(team) = 'added';
  assert (select event_data ->> 'actorId' = pg_temp.person(1)::text and jsonb_array_length(event_data -> 'userIds') = 3 from messages where chat_id = team);
  assert pg_temp.add(team, 1, 2) = 1 and pg_temp.events(team) = 'added', 'who is in it already stays';
  assert (select last_read_seq from chat_members where chat_id = team and user_id = pg_temp.person(1)) = 1, 'the actor has read it';
  assert (select last_read_seq from chat_members where chat_id = team and user_id = pg_temp.person(2)) = 0;
  perform pg_temp.refuses(format('select pg_temp.add(%s, 2, 5)', team), 'not-allowed');
  perform pg_temp.refuses(format('select pg_temp.add(%s, 9, 5)', team), 'no-such-chat');
  perform pg_temp.refuses('select pg_temp.add(999999999, 1, 5)', 'no-such-chat');
  perform pg_temp.refuses(format('select pg_temp.add(%s, 1, 99)', team), 'no-such-person');
  perform pg_temp.refuses(format('select add_members(%s, array(select gen_random_uuid() from generate_series(1, 101)), pg_temp.session(1))', team), 'too-many-at-once');
  insert into blocks values (pg_temp.person(6), pg_temp.person(1)), (pg_temp.person(1), pg_temp.person(7));
  perform pg_temp.refuses(format('select pg_temp.add(%s, 1, 5, 6)', team), 'blocked');
  perform pg_temp.refuses(format('select pg_temp.add(%s, 1, 7)', team), 'blocked');
  assert pg_temp.role_of(team, 5) = 'none', 'all or nobody';
  -- roles
  perform set_member_role(team, pg_temp.person(2), 'admin', pg_temp.session(1));
  assert pg_temp.role_of(team, 2) = 'admin';
  assert pg_temp.add(team, 2, 5) = 1;
  perform pg_temp.refuses(format('select set_member_role(%s, pg_temp.person(3), %L, pg_temp.session(2))', team, 'admin'), 'not-allowed');
  perform pg_temp.refuses(format('select set_member_role(%s, pg_temp.person(3), %L, pg_temp.session(1))', team, 'king'), 'unknown-role');
  perform pg_temp.refuses(format('select set_member_role(%s, pg_temp.person(3), null, pg_temp.session(1))', team), 'unknown-role');
  perform pg_temp.refuses(format('select set_member_role(%s, pg_temp.person(9), %L, pg_temp.session(1))', team, 'admin'), 'not-a-member');
  perform pg_temp.refuses(format('select set_member_role(%s, pg_temp.person(1), %L, pg_temp.session(1))', team, 'member'), 'not-allowed');
  -- removing: nobody above or beside oneself
  perform set_member_role(team, pg_temp.person(3), 'admin', pg_temp.session(1));
  perform pg_temp.refuses(format('select remove_member(%s, pg_temp.person(%s), pg_temp.session(%s))', team, whom, by), 'not-allowed')
    from (values (1, 2), (3, 2), (2, 2), (1, 1), (5, 4)) x (whom, by);
  perform pg_temp.refuses(format('select remove_member(%s, pg_temp.person(9), pg_temp.session(1))', team), 'not-a-member');
  m := remove_member(team, pg_temp.person(5), pg_temp.session(2));
  assert m.left_at is not null and m.removed_by = pg_temp.person(2) and (select member_count from chats where id = team) = 4;
  m := remove_member(team, pg_temp.person(3), pg_temp.session(1));
  assert m.role = 'member', 'a role ends with the membership';
  assert pg_temp.events(team) = 'added role added role removed removed';
  -- the names, by the permission's columns
  update chats set name = 'Crew', description = 'x', as_person = pg_temp.person(2) where id = team;
  assert pg_temp.events(team) like '% name description' and (select as_person is null from chats where id = team);
  update chats set name = 'Quietly' where id = team;
  assert pg_temp.events(team) like '% name description', 'the administrator is nobody';
  update chats set name = 'Quietly', as_person = pg_temp.person(2) where id = team;
  assert pg_temp.events(team) like '% name description', 'no change, no event';
  insert into storage.files (bucket_id, name, uploaded_by_user_id) values ('messages', 'a.jpg', pg_temp.person(2)) returning id into file;
  perform pg_temp.refuses(format('update chats set avatar_file_id = %L, as_person = pg_temp.person(1) where id = %s', file, team), 'not-your-file');
  update chats set avatar_file_id = file, as_person = pg_temp.person(2) where id = team;
  update chats set name = 'Still hers', as_person = pg_temp.person(1) where id = team;
  assert pg_temp.events(team) like '% avatar name';

  -- leaving and ownership
  perform pg_temp.refuses(format('select leave_chat(%s, pg_temp.session(1))', team), 'hand-over-first');
  perform pg_temp.refuses(format('select leave_chat(%s, pg_temp.session(5))', team), 'no-such-chat');
  perform set_member_role(team, pg_temp.person(4), 'owner', pg_temp.session(1));
  assert pg_temp.role_of(team, 1) = 'admin' and pg_temp.role_of(team, 4) = 'owner';
  perform leave_chat(team, pg_temp.session(1));
  assert pg_temp.role_of(team, 1) = 'none' and pg_temp.events(team) like '% owner left';
  solo := pg_temp.make_chat('group', 8);
  perform leave_chat(solo, pg_temp.session(8));
  assert not exists (select from chats where id = solo) and not exists (select from chat_members where chat_id = solo), 'the last one ends it';
  select id into direct from open_direct_chat(pg_temp.person(2), pg_temp.session(1));
  perform pg_temp.refuses(format('select leave_chat(%s, pg_temp.session(1))', direct), 'direct-chat');
  perform pg_temp.refuses(format('select pg_temp.add(%s, 1, 3)', direct), 'direct-chat');
  -- an account that goes hands over, or ends
  delete from auth.users where id = pg_temp.person(4);
  assert pg_temp.role_of(team, 2) = 'owner' and (select member_count from chats where id = team) = 1;
  assert (select event = 'owner' and event_data = jsonb_build_object('actorId', null, 'role', 'owner', 'userIds', array[pg_temp.person(2)]) from messages where chat_id = team order by seq desc limit 1), 'and the chat is told';
  delete from auth.users where id = pg_temp.person(2);
  assert not exists (select from chats where id = team) and exists (select from chats where id = direct);

  -- invitations
  team := pg_temp.make_chat('group', 10);
  perform pg_temp.add(team, 10, 11);
  insert into chat_invites (chat_id, created_by, max_uses) values (team, pg_temp.person(10), 1) returning code into invite;
  j := join_chat(invite, pg_temp.session(12));
  assert j.user_id = pg_temp.person(12) and j.role = 'member' and pg_temp.events(team) = 'added joined';
  j := join_chat(invite, pg_temp.session(12));
  assert j.chat_id = team and (select uses from chat_invites where code = invite) = 1, 'again is harmless';
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(13))', invite), 'invite-used-up');
  update chat_invites set max_uses = null, expires_at = now() where code = invite;
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(13))', invite), 'invite-expired');
  update chat_invites set expires_at = now() + interval '1 hour' where code = invite;
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(13))', c), 'no-such-invite') from unnest(array['nonsense', '', null]) c;
  perform remove_member(team, pg_temp.person(12), pg_temp.session(10));
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(12))', invite), 'removed-from-chat');
  assert pg_temp.add(team, 10, 12) = 1, 'brought back';
  perform leave_chat(team, pg_temp.session(12));
  perform join_chat(invite, pg_temp.session(12));
  insert into blocks values (pg_temp.person(13), pg_temp.person(10));
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(13))', invite), 'no-such-invite');
  perform set_member_role(team, pg_temp.person(11), 'owner', pg_temp.session(10));
  perform leave_chat(team, pg_temp.session(10));
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(14))', invite), 'no-such-invite');
  perform pg_temp.refuses(format('insert into chat_invites (chat_id) values (%s)', direct), 'direct-chat');
  insert into chat_invites (chat_id, expires_at) select team, now() - interval '1 day' from generate_series(1, 99);
  insert into chat_invites (chat_id) values (team);
  assert (select count(*) from chat_invites where chat_id = team) = 1, 'what has expired makes room';
  insert into chat_invites (chat_id) select team from generate_series(1, 99);
  perform pg_temp.refuses(format('insert into chat_invites (chat_id) values (%s)', team), 'too-many-invites');

  -- public ones; a channel tells nobody who comes
  perform pg_temp.refuses(format('select join_public_chat(%s, pg_temp.session(15))', team), 'no-such-chat');
  insert into chats (type, name, user_id, is_public) values ('channel', 'News of 100%', pg_temp.person(10), true) returning id into news;
  assert (select array_agg(id) from search_public_chats('NEWS of 100%', pg_temp.session(15))) = array[news];
  assert (select count(*) from search_public_chats('__ws', pg_temp.session(15))) = 0;
  perform pg_temp.refuses('select search_public_chats(''n'', pg_temp.session(15))', 'query-too-short');
  j := join_public_chat(news, pg_temp.session(15));
  assert j.role = 'member' and pg_temp.events(news) is null and (select member_count from chats where id = news) = 2;

  -- what was before they joined
  update chats set shows_history = false where id = news;
  insert into messages (chat_id, content) values (news, 'old'), (news, 'older');
  j := join_public_chat(news, pg_temp.session(16));
  assert j.first_seq = 3 and not exists (select from message_readers where chat_id = news and user_id = pg_temp.person(16));
  insert into messages (chat_id, content) values (news, 'new');
  assert (select count(*) from message_readers where chat_id = news and user_id = pg_temp.person(16)) = 1;
  perform remove_member(news, pg_temp.person(16), pg_temp.session(10));
  insert into messages (chat_id, content) values (news, 'secret');
  assert not exists (select from message_readers where chat_id = news and user_id = pg_temp.person(16));
  assert pg_temp.add(news, 10, 16) = 1;
  assert (select first_seq from memberships where chat_id = news and user_id = pg_temp.person(16)) = 5;

  -- the plan of the owner
  update plans set max_members = 3 where id = 'free';
  team := pg_temp.make_chat('group', 20);
  assert pg_temp.add(team, 20, 21, 22) = 2;
  perform pg_temp.refuses(format('select pg_temp.add(%s, 20, 23)', team), 'chat-full');
  insert into chat_invites (chat_id) values (team) returning code into invite;
  perform pg_temp.refuses(format('select join_chat(%L, pg_temp.session(23))', invite), 'chat-full');
  assert pg_temp.add(news, 10, 17, 18, 19) = 3, 'a channel has another limit';
  perform leave_chat(team, pg_temp.session(22));
  perform join_chat(invite, pg_temp.session(23));
  -- how many one may make in an hour
  perform pg_temp.make_chat('group', 24) from generate_series(1, 60);
  perform pg_temp.refuses('select pg_temp.make_chat(''group'', 24)', 'creating-too-fast');
  insert into chats (type, name, user_id) values ('group', 'The administrator may', pg_temp.person(24));
  -- counts equal counting
  assert not exists (select from chats c where member_count <> (select count(*) from memberships x where x.chat_id = c.id));
end
$test$;
rollback;
