-- Many rows at once into one chat, over many chats, and to and fro between two, on a table whose statistics say that
-- it is empty. A wrong plan in the triggers is quadratic and takes minutes.
insert into chats (id, type, name) select i, 'group', 'Bulk ' || i from generate_series(9000000, 9000999) i;
insert into messages (chat_id, sender_id, client_id, content)
  select 9000000, '00000000-0000-0000-0000-00000000000a', gen_random_uuid(), 'bulk ' || i from generate_series(1, 20000) i;
insert into messages (chat_id, sender_id, client_id, content)
  select 9000000 + i % 1000, '00000000-0000-0000-0000-00000000000a', gen_random_uuid(), 'spread ' || i from generate_series(1, 20000) i;
insert into messages (chat_id, sender_id, client_id, content)
  select 9000000 + i % 2, '00000000-0000-0000-0000-00000000000a', gen_random_uuid(), 'to and fro ' || i from generate_series(1, 10000) i;
update messages set content = content || '!' where chat_id = 9000000 and seq <= 5000;
