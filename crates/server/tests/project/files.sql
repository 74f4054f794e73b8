create function pg_temp.upload(number int, size_ int default 1, bucket text default 'messages', ready boolean default true) returns uuid language plpgsql as $$
declare
  file uuid;
begin
  insert into storage.files (bucket_id, name, size, is_uploaded, uploaded_by_user_id)
  values (bucket, 'a.jpg', size_, ready, pg_temp.person(number)) returning id into file;
  insert into stored_objects (key, file_id, size, is_current) values ('uploads/' || file || '/a.jpg', file, size_, true);
  return file;
end
$$;
create function pg_temp.send(chat bigint, number int, file uuid, name uuid default gen_random_uuid()) returns messages language sql as $$
  insert into messages (chat_id, sender_id, client_id, file_id, as_person)
  values (chat, pg_temp.person(number), name, file, pg_temp.person(number))
  on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id returning *
$$;
create function pg_temp.used(number int) returns bigint language sql as $$
  select used_bytes from files_usage where user_id = pg_temp.person(number)
$$;
-- Days go by for the files: what is asked for is what nothing has referred to for one.
create function pg_temp.age(days int) returns void language sql as $$
  update unreferenced_files set since = since - make_interval(days => days);
  alter table storage.files disable trigger user;
  update storage.files set updated_at = updated_at - make_interval(days => days);
  alter table storage.files enable trigger user;
$$;
create function pg_temp.clear(at_most int default 100) returns uuid[] language sql as $$
  select coalesce(array_agg(id order by name, id), '{}') from remove_unreferenced_files(now() - interval '1 day', at_most)
$$;
do $test$
declare
  team bigint; saved bigint; file uuid; other uuid; third uuid; m messages; n bigint; k uuid := gen_random_uuid();
begin
  insert into chats (type, name, user_id) values ('group', 'Team', pg_temp.person(1)) returning id into team;
  perform add_members(team, array[pg_temp.person(2)], pg_temp.session(1));
  select id into saved from open_direct_chat(pg_temp.person(3), pg_temp.session(3));

  -- what may be sent: what is one's own, for messages, and there
  file := pg_temp.upload(1);
  m := pg_temp.send(team, 1, file, k);
  assert m.file_url = '/v1/files/' || file;
  perform pg_temp.refuses(format('select pg_temp.send(%s, 1, %L)', team, pg_temp.upload(1, 1, 'default')), 'file-elsewhere');
  perform pg_temp.refuses(format('select pg_temp.send(%s, 1, %L)', team, pg_temp.upload(1, 1, 'messages', false)), 'file-not-ready');
  perform pg_temp.refuses(format('select pg_temp.send(%s, 3, %L)', saved, file), 'no-such-file');
  perform pg_temp.refuses(format('select pg_temp.send(%s, 3, %L)', saved, gen_random_uuid()), 'no-such-file');
  perform pg_temp.refuses(format('select pg_temp.send(%s, 3, %L)', saved, pg_temp.upload(1, 1, 'messages', false)), 'no-such-file');
  -- and what one can read: in a message, or as the picture of a chat
  perform pg_temp.send(team, 2, file);
  other := pg_temp.upload(1, 1, 'default');
  update chats set avatar_file_id = other where id = team;
  perform pg_temp.refuses(format('select pg_temp.send(%s, %s, %L)', team, who, other), 'file-elsewhere') from generate_series(1, 2) who;
  perform pg_temp.refuses(format('select pg_temp.send(%s, 3, %L)', saved, other), 'no-such-file');
  other := pg_temp.upload(1);
  update chats set avatar_file_id = other where id = team;
  perform pg_temp.send(team, 2, other);
  perform pg_temp.refuses(format('select pg_temp.send(%s, 3, %L)', saved, other), 'no-such-file');
  update chats set is_public = true where id = team;
  perform pg_temp.send(saved, 3, other);
  -- sent again, the first one comes back, though its file has gone
  delete from storage.files where id = file;
  assert (pg_temp.send(team, 1, file, k)).id = m.id;
  perform pg_temp.refuses(format('select pg_temp.send(%s, 1, %L)', team, file), 'no-such-file');
  -- the administrator sends what they like
  insert into messages (chat_id, sender_id, file_id) values (saved, pg_temp.person(3), pg_temp.upload(1, 1, 'messages', false));

  -- what is taken up: counted when it is written down, by the declared size; a thumbnail is not
  assert pg_temp.used(4) = 0 and (select storage_bytes = 5000000000 and max_upload_bytes = 100000000 from files_usage where user_id = pg_temp.person(4));
  file := pg_temp.upload(4, 700, 'messages', false);
  insert into stored_objects (key, file_id, role, size) values ('uploads/x/t', file, 'thumbnail', 50);
  other := pg_temp.upload(4, 300, 'default');
  assert pg_temp.used(4) = 1000 and pg_temp.used(1) > 0;
  update stored_objects set size = 710 where file_id = file and role = 'content';
  assert pg_temp.used(4) = 1010;
  update plans set storage_bytes = 1100 where is_default;
  perform pg_temp.upload(4, 90);
  perform pg_temp.refuses('select pg_temp.upload(4, 1)', 'storage-full');
  perform pg_temp.refuses(format('update stored_objects set size = size + 1 where file_id = %L and role = %L', file, 'content'), 'storage-full');
  perform pg_temp.upload(5, 1100);
  assert pg_temp.used(4) = 1100;
  delete from storage.files where id = file;
  assert pg_temp.used(4) = 390 and (select count(*) = 2 from stored_objects where user_id = pg_temp.person(4) and file_id is null);
  delete from stored_objects where user_id = pg_temp.person(4) and file_id is null;
  assert pg_temp.used(4) = 390, 'once';
  -- what is replaced or deleted makes room at once, and counts on its own until it is gone
  other := pg_temp.upload(7, 600);
  update stored_objects set file_id = null, is_current = false where file_id = other;
  insert into stored_objects (key, file_id, size, is_current) values ('uploads/x/second', other, 600, true);
  assert pg_temp.used(7) = 600;
  delete from storage.files where id = other;
  assert pg_temp.used(7) = 0 and (select leaving_bytes = 1200 and files = 0 from used_storage where user_id = pg_temp.person(7));
  other := pg_temp.upload(7, 1000);
  perform pg_temp.refuses('select pg_temp.upload(7, 1)', 'storage-clearing');
  perform pg_temp.refuses(format('select file_fits_plan(f) from storage.files f where id = %L', other), 'storage-full');
  delete from stored_objects where user_id = pg_temp.person(7) and key = 'uploads/x/second';
  perform pg_temp.upload(7, 100);
  assert (select leaving_bytes = 600 and bytes = 1100 and files = 2 from used_storage where user_id = pg_temp.person(7));
  -- so many files, and so many that are not finished
  update rule_limits set value = 3 where name in ('files-per-person', 'unfinished-uploads-per-person');
  perform pg_temp.upload(8, 0) from generate_series(1, 3);
  perform pg_temp.refuses('select pg_temp.upload(8, 0)', 'too-many-files');
  perform pg_temp.refuses('select file_fits_plan(row(gen_random_uuid(), now(), now(), ''messages'', ''a'', 0, null, null, false, pg_temp.person(8), null))', 'too-many-files');
  perform pg_temp.upload(9, 1) from generate_series(1, 3);
  update rule_limits set value = 4 where name = 'files-per-person';
  update stored_objects set is_current = false where user_id = pg_temp.person(9);
  perform pg_temp.refuses('select file_fits_plan(row(gen_random_uuid(), now(), now(), ''messages'', ''a'', 0, null, null, false, pg_temp.person(9), null))', 'too-many-uploads');
  update stored_objects set is_current = true where key = (select key from stored_objects where user_id = pg_temp.person(9) limit 1);
  assert file_fits_plan(row(gen_random_uuid(), now(), now(), 'messages', 'a', 0, null, null, false, pg_temp.person(9), null));
  update rule_limits set value = 100000 where name in ('files-per-person', 'unfinished-uploads-per-person');
  perform pg_temp.refuses(format('select file_fits_plan(row(gen_random_uuid(), now(), now(), ''messages'', ''a'', %s, null, null, false, pg_temp.person(9), null))', size_), 'file-size-unknown')
  from unnest(array['-1', 'null']) size_;
  -- what it says of itself
  assert file_is_bounded(row(gen_random_uuid(), now(), now(), 'messages', repeat('a', 255), 1, 'a/b', null, false, null, '{"a": 1}'));
  assert file_is_bounded(row(gen_random_uuid(), now(), now(), 'messages', null, 1, null, null, false, null, null));
  perform pg_temp.refuses('select file_is_bounded(row(gen_random_uuid(), now(), now(), ''messages'', repeat(''ы'', 128), 1, null, null, false, null, null))', 'file-name-too-long');
  perform pg_temp.refuses('select file_is_bounded(row(gen_random_uuid(), now(), now(), ''messages'', ''a'', 1, repeat(''a'', 256), null, false, null, null))', 'file-name-too-long');
  perform pg_temp.refuses('select file_is_bounded(row(gen_random_uuid(), now(), now(), ''messages'', ''a'', 1, null, null, false, null, to_jsonb(repeat(''a'', 131072))))', 'file-metadata-too-large');
  update plans set max_upload_bytes = 10 where is_default;
  perform pg_temp.refuses('select pg_temp.upload(4, 11)', 'file-too-large');
  update plans set max_upload_bytes = 100000000 where is_default;
  -- the permission to add a file asks the same
  assert file_fits_plan(row(gen_random_uuid(), now(), now(), 'messages', 'a', 710, null, null, false, pg_temp.person(4), null));
  perform pg_temp.refuses(format('select file_fits_plan(f) from storage.files f where id = %L', pg_temp.upload(null, 1101)), 'storage-full');
  update plans set max_upload_bytes = 10 where is_default;
  perform pg_temp.refuses(format('select file_fits_plan(f) from storage.files f where id = %L', pg_temp.upload(null, 1101)), 'file-too-large');
  update plans set max_upload_bytes = 2000000000, storage_bytes = null where is_default;
  perform pg_temp.upload(4, 2000000000);
  assert file_fits_plan(row(gen_random_uuid(), now(), now(), 'messages', 'a', 1, null, null, false, pg_temp.person(4), null)), 'without a limit';
  -- an account that goes takes its count along, its files stay with the messages
  other := pg_temp.upload(6, 5);
  perform add_members(team, array[pg_temp.person(6)], pg_temp.session(1));
  perform pg_temp.send(team, 6, other);
  delete from auth.users where id = pg_temp.person(6);
  assert exists (select from storage.files where id = other) and not exists (select from used_storage where user_id = pg_temp.person(6));
  delete from storage.files where id = other;

  -- what nothing refers to goes after a day: that was never sent, not before
  delete from storage.files;
  perform pg_temp.age(9);
  assert pg_temp.clear() = '{}' and pg_temp.clear() = '{}';
  file := pg_temp.upload(1);
  assert pg_temp.clear() = '{}', 'too young';
  perform pg_temp.age(2);
  m := pg_temp.send(team, 1, file);
  assert pg_temp.clear() = '{}', 'sent';
  assert not exists (select from unreferenced_files where file_id = file), 'and not looked at again';
  -- a day after the last message that had it was deleted
  select m2.* into m from pg_temp.send(team, 2, file) m2;
  perform delete_message(x.id, pg_temp.session(1)) from messages x where x.file_id = file and x.id <> m.id;
  perform pg_temp.age(2);
  assert pg_temp.clear() = '{}', 'a message is left';
  perform delete_message(m.id, pg_temp.session(2));
  assert pg_temp.clear() = '{}', 'too soon';
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[file];
  assert not exists (select from storage.files where id = file);
  assert (select file_id is null and user_id = pg_temp.person(1) from stored_objects where key = 'uploads/' || file || '/a.jpg'), 'its object is left to be removed';
  -- the last word counts: taken and given up again yesterday evening
  file := pg_temp.upload(1);
  perform pg_temp.age(2);
  m := pg_temp.send(team, 1, file);
  perform delete_message(m.id, pg_temp.session(1));
  assert pg_temp.clear() = '{}';
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[file];
  -- with the chat's end; its picture, when it has another
  file := pg_temp.upload(1); other := pg_temp.upload(1); third := pg_temp.upload(1);
  insert into chats (type, name, user_id, avatar_file_id) values ('group', 'Short', pg_temp.person(1), other) returning id into n;
  perform pg_temp.send(n, 1, file);
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[third], 'what is used stays';
  update chats set avatar_file_id = null where id = n;
  assert pg_temp.clear() = '{}';
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[other];
  delete from chats where id = n;
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[file];
  -- a person's picture: their own file, or one of the administrator's
  file := pg_temp.upload(1); other := pg_temp.upload(null);
  update auth.users set avatar_url = 'https://example.org/v1/files/' || file || '?w=64' where id = pg_temp.person(1);
  update auth.users set avatar_url = '/v1/files/' || other where id = pg_temp.person(2);
  third := pg_temp.upload(3);
  update auth.users set avatar_url = '/v1/files/' || third where id = pg_temp.person(4);
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[third], 'another''s file is nobody''s picture';
  perform pg_temp.age(2);
  assert pg_temp.clear() = '{}';
  assert (select count(*) = 2 from unreferenced_files), 'looked at every day';
  update auth.users set avatar_url = '';
  perform pg_temp.age(2);
  assert cardinality(pg_temp.clear()) = 2;
  -- what is not uploaded yet, and other buckets', are others' business
  file := pg_temp.upload(1, 1, 'messages', false); other := pg_temp.upload(1, 1, 'default');
  perform pg_temp.age(2);
  assert pg_temp.clear() = '{}';
  assert (select array_agg(file_id) = array[file] from unreferenced_files);
  update storage.files set is_uploaded = true where id = file;
  assert pg_temp.clear() = '{}', 'finished just now';
  perform pg_temp.age(2);
  assert pg_temp.clear() = array[file];
  -- so many at most
  perform pg_temp.upload(1) from generate_series(1, 5);
  perform pg_temp.age(2);
  assert cardinality(pg_temp.clear(2)) = 2 and cardinality(pg_temp.clear(2)) = 2 and cardinality(pg_temp.clear(2)) = 1 and pg_temp.clear(2) = '{}';
  assert not exists (select from used_storage s where s.bytes <> (select coalesce(sum(o.size), 0) from stored_objects o where o.user_id = s.user_id and o.file_id is not null and o.role = 'content'));
end
$test$;
rollback;
