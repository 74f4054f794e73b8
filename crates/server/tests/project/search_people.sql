do $test$
begin
  update auth.users set display_name = 'Zoë Quartz' where id = pg_temp.person(1);
  update auth.users set display_name = 'hidden.name@example.org', email = 'hidden.name@example.org' where id = pg_temp.person(2);
  insert into user_settings (user_id, username) values (pg_temp.person(3), 'Quark_3');

  -- by the beginning of the name, of the user name, by the whole address
  assert (select array_agg(id) from search_people('zoë', pg_temp.session(9))) = array[pg_temp.person(1)];
  assert (select array_agg(id) from search_people('@quar', pg_temp.session(9))) = array[pg_temp.person(3)];
  assert (select array_agg(id) from search_people('quar', pg_temp.session(9))) = array[pg_temp.person(3), pg_temp.person(1)], 'any word of the name';
  assert (select array_agg(username) from search_people('QUARK_3', pg_temp.session(9))) = '{Quark_3}';
  assert (select array_agg(display_name) from search_people('hidden', pg_temp.session(9))) = '{hidden.name}', 'no address is shown';
  assert (select count(*) from search_people('hidden.name@exam', pg_temp.session(9))) = 0, 'no address is guessed';
  assert (select array_agg(id) from search_people(' Person7@Example.org ', pg_temp.session(9))) = array[pg_temp.person(7)];
  assert (select count(*) from search_people('erson', pg_temp.session(9))) = 0, 'the beginning only';
  assert (select count(*) from search_people('person', pg_temp.session(9))) = 20, 'twenty at most';
  assert (select count(*) from search_people('%%', pg_temp.session(9))) = 0 and (select count(*) from search_people('__', pg_temp.session(9))) = 0;
  perform pg_temp.refuses(format('select search_people(%L, %L)', q, pg_temp.session(9)), 'query-too-short')
    from unnest(array['', ' ', 'p', '@@', '@p', null]) q;
  perform pg_temp.refuses($s$select search_people('person', '{"x-hasura-role":"user"}')$s$, 'not-signed-in');
  -- who is new, or is called otherwise from now on, or is gone
  insert into auth.users (id, display_name, email, locale) values (pg_temp.person(31), 'Семён  Ёлкин', 'semyon@example.org', 'ru');
  update people_names_state set took = '0';
  assert (select array_agg(id) from search_people('елк', pg_temp.session(9))) = array[pg_temp.person(31)] and (select count(*) from search_people('СЕМЕН Ё', pg_temp.session(9))) = 1;
  update auth.users set display_name = 'Simon' where id = pg_temp.person(31);
  assert (select count(*) from search_people('елк', pg_temp.session(9))) = 0, 'compared with the name itself';
  update people_names_state set took = '0';
  assert (select count(*) from search_people('simon', pg_temp.session(9))) = 1;
  assert not exists (select from people_names where beginning like 'елк%');
  update people_names_state set took = '1 hour';
  insert into auth.users (id, display_name, email, locale) values (pg_temp.person(32), 'Thea', 'thea@example.org', 'en');
  assert (select count(*) from search_people('thea', pg_temp.session(9))) = 0, 'not yet: it would take too much of the time';
  update people_names_state set took = '0';
  delete from auth.users where id = pg_temp.person(31);
  assert (select count(*) from search_people('thea', pg_temp.session(9))) = 1;
  assert not exists (select from people_names where user_id = pg_temp.person(31));
  -- the setting, the block
  insert into user_settings (user_id, found_by_email) values (pg_temp.person(7), false);
  assert (select count(*) from search_people('person7@example.org', pg_temp.session(9))) = 0;
  insert into blocks (user_id, blocked_id) values (pg_temp.person(1), pg_temp.person(9));
  assert (select count(*) from search_people('zoë', pg_temp.session(9))) = 0, 'who is blocked does not find';
  assert (select count(*) from search_people('person 9', pg_temp.session(1))) = 1, 'who blocks does';
  -- the rate
  perform search_people('person', pg_temp.session(8)) from generate_series(1, 60);
  perform pg_temp.refuses(format('select search_people(%L, %L)', 'person', pg_temp.session(8)), 'searching-too-fast');
  update spent_attempts set started_at = started_at - interval '1 minute' where user_id = pg_temp.person(8);
  assert (select count(*) from search_people('person 8', pg_temp.session(8))) = 1;
  assert (select times from spent_attempts where user_id = pg_temp.person(8)) = 1;

  -- settings
  perform pg_temp.refuses('insert into user_settings (user_id, username) values (pg_temp.person(4), ''qUARK_3'')', '23505');
  perform pg_temp.refuses(format('insert into user_settings (user_id, username) values (pg_temp.person(4), %L)', name), '23514')
    from unnest(array['a', 'all', 'Here', 'a b c', '1abc', 'имя', repeat('a', 33)]) name;
  perform pg_temp.refuses('insert into user_settings (user_id, time_zone) values (pg_temp.person(4), ''Mars/Olympus'')', 'unknown-time-zone');
  perform pg_temp.refuses('insert into user_settings (user_id, quiet_from) values (pg_temp.person(4), ''22:00'')', '23514');
  insert into user_settings (user_id, time_zone, quiet_from, quiet_to, locale) values (pg_temp.person(4), 'Europe/Moscow', '22:00', '07:00', 'ru');

  -- contacts, blocks
  perform pg_temp.refuses('insert into contacts (user_id, contact_id) values (pg_temp.person(1), pg_temp.person(1))', 'not-with-oneself');
  perform pg_temp.refuses('insert into contacts (user_id, contact_id) values (pg_temp.person(1), gen_random_uuid())', 'no-such-person');
  perform pg_temp.refuses('insert into blocks (user_id, blocked_id) values (pg_temp.person(1), pg_temp.person(1))', 'not-with-oneself');
  insert into contacts (user_id, contact_id, name) values (pg_temp.person(1), pg_temp.person(2), 'Mum');
  insert into contacts (user_id, contact_id) values (pg_temp.person(1), pg_temp.person(2)) on conflict do nothing;
  -- a block stops a new chat either way, and leaves one that there is
  perform pg_temp.refuses(format('select open_direct_chat(pg_temp.person(9), %L)', pg_temp.session(1)), 'blocked');
  perform pg_temp.refuses(format('select open_direct_chat(pg_temp.person(1), %L)', pg_temp.session(9)), 'blocked');
  perform open_direct_chat(pg_temp.person(3), pg_temp.session(1));
  insert into blocks (user_id, blocked_id) values (pg_temp.person(3), pg_temp.person(1));
  perform open_direct_chat(pg_temp.person(3), pg_temp.session(1));
  -- every code has its sentence
  assert (select bool_and(message ~ '^[A-Z].*[^.]$') from rule_errors);
end
$test$;
rollback;
