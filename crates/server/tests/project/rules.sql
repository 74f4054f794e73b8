-- Everything that one connection can show, in one transaction that is rolled back.
begin;
create function pg_temp.refuses(statement text, state text) returns void language plpgsql as $$
begin
  execute statement;
  raise exception 'not refused: %', statement using errcode = 'XX000';
exception when others then
  if sqlstate <> state then raise exception '%: % instead of %: %', statement, sqlstate, state, sqlerrm; end if;
end $$;
create function pg_temp.a() returns uuid immutable language sql as $$ select '00000000-0000-0000-0000-00000000000a'::uuid $$;
create function pg_temp.b() returns uuid immutable language sql as $$ select '00000000-0000-0000-0000-00000000000b'::uuid $$;
create function pg_temp.c() returns uuid immutable language sql as $$ select '00000000-0000-0000-0000-00000000000c'::uuid $$;
create function pg_temp.session(id uuid) returns json immutable language sql as $$ select json_build_object('x-hasura-user-id', id, 'x-hasura-role', 'user') $$;

do $test$
declare
  direct direct_chats; again direct_chats; own direct_chats; team chats; m messages; first messages; other messages; file uuid; n bigint; u messages;
  k uuid := gen_random_uuid();
begin
  -- opening
  direct := open_direct_chat(pg_temp.b(), pg_temp.session(pg_temp.a()));
  assert direct.type = 'direct' and direct.user_id = pg_temp.a() and direct.peer_id = pg_temp.b() and direct.last_seq = 0 and direct.name is null;
  again := open_direct_chat(pg_temp.a(), pg_temp.session(pg_temp.b()));
  assert again = direct, 'the same from the other side';
  assert (select array_agg(role order by user_id) from chat_members where chat_id = direct.id) = '{member,member}';
  own := open_direct_chat(pg_temp.a(), pg_temp.session(pg_temp.a()));
  assert own.id <> direct.id and (select count(*) from chat_members where chat_id = own.id) = 1, 'saved messages';
  perform pg_temp.refuses(format('select open_direct_chat(%L, %L)', '00000000-0000-0000-0000-00000000000d', pg_temp.session(pg_temp.a())), '23000');
  perform pg_temp.refuses(format('select open_direct_chat(%L, %L)', gen_random_uuid(), pg_temp.session(pg_temp.a())), '23000');
  perform pg_temp.refuses(format('select open_direct_chat(%L, %L)', null, pg_temp.session(pg_temp.a())), '23000');
  perform pg_temp.refuses(format('select open_direct_chat(%L, %L)', pg_temp.a(), pg_temp.session('00000000-0000-0000-0000-00000000000e')), '23000');
  perform pg_temp.refuses(format('select open_direct_chat(%L, %L)', pg_temp.a(), '{"x-hasura-role":"admin"}'), '23000');
  perform pg_temp.refuses(format('select open_direct_chat(%L, %L)', pg_temp.a(), '{"x-hasura-user-id":"nonsense"}'), '22P02');
  -- leaving and coming back
  update chat_members set left_at = now() where chat_id = direct.id and user_id = pg_temp.b();
  assert (select count(*) from memberships where chat_id = direct.id) = 1;
  perform open_direct_chat(pg_temp.b(), pg_temp.session(pg_temp.a()));
  assert (select count(*) from memberships where chat_id = direct.id) = 2, 'both are in it again';

  -- chats
  insert into chats (type, name, user_id) values ('group', 'Team', pg_temp.a()) returning * into team;
  assert (select role from chat_members where chat_id = team.id and user_id = pg_temp.a()) = 'owner';
  perform pg_temp.refuses($s$insert into chats (type, name) values ('group', '  ')$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type) values ('group')$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type, name) values ('group', repeat('x', 129))$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type, name) values ('nonsense', 'x')$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type, user_id) values ('direct', pg_temp.a())$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type, peer_id) values ('direct', pg_temp.a())$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type, user_id, peer_id) values ('direct', pg_temp.b(), pg_temp.a())$s$, '23505');
  perform pg_temp.refuses($s$insert into chats (type, user_id, peer_id, is_public) values ('direct', pg_temp.b(), pg_temp.c(), true)$s$, '23514');
  perform pg_temp.refuses($s$insert into chats (type, name, user_id) values ('group', 'x', gen_random_uuid())$s$, '23503');
  perform pg_temp.refuses(format('update chats set type = %L, name = %L, peer_id = null where id = %s', 'group', 'x', direct.id), '23000');
  perform pg_temp.refuses(format('insert into chat_members (chat_id, user_id) values (%s, pg_temp.c())', direct.id), '23000');
  perform pg_temp.refuses(format('insert into chat_members (chat_id, user_id) values (%s, gen_random_uuid())', team.id), '23503');
  perform pg_temp.refuses('insert into chat_members (chat_id, user_id) values (999999999, pg_temp.a())', '23503');

  -- the specification's example, by the administrator
  insert into messages (chat_id, content, file_url) values (team.id, 'File', 'https://example.org/f') returning * into m;
  assert m.seq = 1 and m.change = 1 and m.sender_id is null and m.file_url = 'https://example.org/f' and m.client_id is null;
  assert (select (last_seq, last_change, last_message_at) = (1, 1, m.created_at) from chats where id = team.id);

  -- sending, twice
  insert into messages (chat_id, sender_id, client_id, content) values (team.id, pg_temp.a(), k, 'hello')
    on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id returning * into first;
  assert first.seq = 2 and first.change = 2;
  insert into messages (chat_id, sender_id, client_id, content) values (team.id, pg_temp.a(), k, 'hello')
    on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id returning * into m;
  assert m = first, 'the first one comes back, unchanged';
  insert into messages (chat_id, sender_id, client_id, content) values (team.id, pg_temp.a(), k, 'hello') on conflict do nothing;
  assert not found;
  perform pg_temp.refuses(format('insert into messages (chat_id, sender_id, client_id, content) values (%s, pg_temp.a(), %L, %L)', team.id, k, 'x'), '23505');
  assert (select (last_seq, last_change) = (2, 2) from chats where id = team.id), 'no number was used';
  assert (select last_read_seq from chat_members where chat_id = team.id and user_id = pg_temp.a()) = 2, 'who writes has read';
  -- the same name by another sender, in another chat, twice in one statement
  insert into chat_members (chat_id, user_id) values (team.id, pg_temp.b()) returning last_read_seq into n;
  assert n = 2, 'who joins starts at the end';
  insert into messages (chat_id, sender_id, client_id, content) values (team.id, pg_temp.b(), k, 'b'), (team.id, pg_temp.b(), k, 'b') on conflict do nothing;
  insert into messages (chat_id, sender_id, client_id, content) values (direct.id, pg_temp.a(), k, 'c');
  assert (select (last_seq, last_change) = (3, 3) from chats where id = team.id);

  -- many chats in one statement, back and forth
  insert into messages (chat_id, sender_id, content)
    select case when i % 3 = 0 then direct.id else team.id end, pg_temp.a(), 'n' || i from generate_series(1, 30) i;
  assert (select (last_seq, last_change) = (23, 23) from chats where id = team.id);
  assert (select (last_seq, last_change) = (11, 11) from chats where id = direct.id);
  assert (select array_agg(seq order by id) = array(select generate_series(1, 23)::bigint) from messages where chat_id = team.id);
  assert (select bool_and(s) from (select created_at >= lag(created_at, 1, created_at) over (order by seq) as s from messages where chat_id = team.id) x), 'time follows place';

  -- a rolled back savepoint gives its numbers back
  begin
    insert into messages (chat_id, content) values (team.id, 'x'), (direct.id, 'y');
    raise exception 'back';
  exception when raise_exception then null;
  end;
  insert into messages (chat_id, content) values (team.id, 'z') returning * into m;
  assert m.seq = 24 and m.change = 24;

  -- the administrator's own numbers
  insert into messages (chat_id, seq, change, content, created_at) values (team.id, 100, 200, 'moved', '2020-01-01') returning * into m;
  assert m.seq = 100 and m.change = 200 and m.created_at = '2020-01-01';
  insert into messages (chat_id, seq, content) values (team.id, 50, 'filled') returning * into m;
  assert m.seq = 50 and m.change = 201;
  insert into messages (chat_id, content) values (team.id, 'next') returning * into m;
  assert m.seq = 101 and m.change = 202;
  assert (select (last_seq, last_change) = (101, 202) and last_message_at = m.created_at from chats where id = team.id);
  perform pg_temp.refuses(format('insert into messages (chat_id, seq, content) values (%s, 101, %L)', team.id, 'x'), '23505');
  perform pg_temp.refuses(format('insert into messages (chat_id, seq, content) values (%s, 0, %L)', team.id, 'x'), '23514');
  perform pg_temp.refuses('insert into messages (chat_id, content) values (999999999, ''x'')', '23503');
  perform pg_temp.refuses('insert into messages (chat_id, content) values (null, ''x'')', '23502');
  -- numbers of a chat that have fallen behind heal
  update chats set last_seq = 0, last_change = 0 where id = team.id;
  perform set_config('brain.counter', '', true);
  insert into messages (chat_id, content) values (team.id, 'healed') returning * into m;
  assert m.seq = 102 and m.change = 203;

  -- content
  perform pg_temp.refuses(format('insert into messages (chat_id, sender_id, content) values (%s, pg_temp.a(), %L)', team.id, E' \n\t '), '23514');
  perform pg_temp.refuses(format('insert into messages (chat_id, sender_id) values (%s, pg_temp.a())', team.id), '23514');
  perform pg_temp.refuses(format('insert into messages (chat_id, sender_id, content) values (%s, pg_temp.a(), repeat(%L, 10001))', team.id, 'я'), '23514');
  insert into messages (chat_id, sender_id, content) values (team.id, pg_temp.a(), repeat('я', 10000)) returning * into m;
  perform pg_temp.refuses(format('insert into messages (chat_id, file_id) values (%s, gen_random_uuid())', team.id), '23503');

  -- edits
  n := m.change;
  update messages set content = content where id = m.id returning * into u;
  assert u = m, 'no change';
  update messages set content = 'short' where id = m.id returning * into u;
  assert u.change = n + 1 and u.edited_at is not null and u.seq = m.seq;
  assert (select (last_seq, last_change) = (m.seq, n + 1) from chats where id = team.id);
  update messages set change = null where id = m.id returning * into u;
  assert u.change = n + 2, 'touched';
  update messages set content = content || '!' where chat_id = team.id and seq between 5 and 8;
  assert (select array_agg(change order by change) = array[n + 3, n + 4, n + 5, n + 6] from messages where chat_id = team.id and seq between 5 and 8);
  update messages set content = content || '!' where content ~ '^n[0-9]+$' and chat_id in (team.id, direct.id);
  assert (select count(distinct change) = count(*) from messages where chat_id = team.id), 'every change its own number';
  assert (select max(m2.change) = c.last_change from messages m2 join chats c on c.id = m2.chat_id where c.id = direct.id group by c.last_change);
  assert (select max(m2.change) = c.last_change from messages m2 join chats c on c.id = m2.chat_id where c.id = team.id group by c.last_change);
  perform pg_temp.refuses(format('update messages set client_id = gen_random_uuid() where id = %s', first.id), '23000');
  perform pg_temp.refuses(format('update messages set client_id = null where id = %s', first.id), '23000');
  perform pg_temp.refuses(format('update messages set seq = 7000 where id = %s', first.id), '23000');
  perform pg_temp.refuses(format('update messages set chat_id = %s where id = %s', direct.id, first.id), '23000');
  perform pg_temp.refuses(format('update messages set sender_id = null where id = %s', first.id), '23000');
  perform pg_temp.refuses(format('update messages set created_at = now() - interval ''1 day'' where id = %s', first.id), '23000');
  perform pg_temp.refuses(format('update messages set content = null where id = %s', first.id), '23514');

  -- files
  insert into storage.files (bucket_id, name, uploaded_by_user_id) values ('messages', 'a.jpg', pg_temp.a()) returning id into file;
  insert into messages (chat_id, sender_id, file_id, file_url) values (team.id, pg_temp.a(), file, 'https://evil.example') returning * into m;
  assert m.file_url = '/v1/files/' || file and m.content is null;
  n := m.change;
  delete from storage.files where id = file;
  select * into m from messages where id = m.id;
  assert m.file_id is null and m.file_url = '/v1/files/' || file and m.change = n + 1 and m.edited_at is null, 'a trace is left';

  -- replies and forwards
  insert into messages (chat_id, sender_id, content, reply_to_id) values (team.id, pg_temp.a(), 'yes', first.id) returning * into m;
  perform pg_temp.refuses(format('insert into messages (chat_id, sender_id, content, reply_to_id) values (%s, pg_temp.a(), %L, %s)', direct.id, 'x', first.id), '23000');
  insert into messages (chat_id, sender_id, content, forwarded_from_id) values (direct.id, pg_temp.a(), 'hello', first.id) returning * into other;

  -- deletion
  update messages set deleted_at = now() where id = m.id returning * into u;
  assert u.content is null and u.reply_to_id is null and u.deleted_at is not null and u.edited_at is null and u.change > m.change and u.seq = m.seq;
  perform pg_temp.refuses(format('update messages set content = %L where id = %s', 'back', m.id), '23000');
  update messages set deleted_at = now() where id = first.id;
  insert into messages (chat_id, sender_id, client_id, content) values (team.id, pg_temp.a(), k, 'hello')
    on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id returning * into m;
  assert m.id = first.id and m.deleted_at is not null and m.content is null, 'sent again after its deletion: still deleted';

  -- read marks
  update chat_members set last_read_seq = 1 where chat_id = team.id and user_id = pg_temp.a();
  assert (select last_read_seq > 100 from chat_members where chat_id = team.id and user_id = pg_temp.a()), 'never back';
  update chat_members set last_read_seq = 1000000 where chat_id = team.id and user_id = pg_temp.b();
  assert (select last_read_seq = (select last_seq from chats where id = team.id) from chat_members where chat_id = team.id and user_id = pg_temp.b()), 'never beyond';
  update chat_members set left_at = now() where chat_id = team.id and user_id = pg_temp.b();
  insert into messages (chat_id, content) values (team.id, 'while away');
  update chat_members set left_at = null where chat_id = team.id and user_id = pg_temp.b();
  assert (select last_read_seq = (select last_seq from chats where id = team.id) from chat_members where chat_id = team.id and user_id = pg_temp.b());
  perform pg_temp.refuses(format('update chat_members set role = %L where chat_id = %s', 'king', team.id), '23514');
  perform pg_temp.refuses(format('update chat_members set notify_level = %L where chat_id = %s', 'loud', team.id), '23514');

  -- an account that goes: memberships go, messages and the pair stay
  insert into messages (chat_id, sender_id, content) values (direct.id, pg_temp.b(), 'bye') returning * into m;
  delete from auth.users where id = pg_temp.b();
  assert (select sender_id = pg_temp.b() and content = 'bye' and change = m.change from messages where id = m.id);
  assert (select count(*) from chat_members where chat_id = direct.id) = 1;
  assert (select peer_id from chats where id = direct.id) = pg_temp.b();

  -- a chat that goes takes all with it, also what answers and forwards
  delete from chats where id = team.id;
  assert not exists (select from messages where chat_id = team.id) and not exists (select from chat_members where chat_id = team.id);
  assert (select forwarded_from_id is null from messages where id = other.id);

  -- plans, bucket
  assert (select max_upload_bytes from plans where id = 'free') = 100000000 and (select max_upload_bytes from plans where id = 'premium') = 2000000000;
  assert (select (download_expiration, max_upload_file_size, cache_control, presigned_urls_enabled) = (3600, 2000000000, 'private, max-age=3600', true) from storage.buckets where id = 'messages');
end
$test$;
rollback;
