-- Three people, one anonymous, one disabled. Run first; the other files use them.
insert into auth.users (id, display_name, email, locale, disabled, is_anonymous) values
 ('00000000-0000-0000-0000-00000000000a', 'Anna', 'anna@example.org', 'en', false, false),
 ('00000000-0000-0000-0000-00000000000b', 'bert@example.org', 'bert@example.org', 'en', false, false),
 ('00000000-0000-0000-0000-00000000000c', 'Carl', 'carl@example.org', 'en', false, false),
 ('00000000-0000-0000-0000-00000000000d', 'Dora', 'dora@example.org', 'en', true, false),
 ('00000000-0000-0000-0000-00000000000e', 'Anonymous User', null, 'en', false, true);
do $$ begin
  assert (select count(*) from people where id::text like '00000000-0000-0000-0000-00000000000%') = 3, 'enabled, not anonymous';
  assert (select display_name from people where id = '00000000-0000-0000-0000-00000000000b') = 'bert', 'no address';
end $$;
