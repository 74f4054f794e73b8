-- Opens the transaction that a file of checks runs in, with what they share.
begin;
-- Runs a statement that must fail: with this SQLSTATE, or with this code of `rule_errors`.
create function pg_temp.refuses(statement text, expected text) returns void language plpgsql as $$
declare
  rule text;
begin
  execute statement;
  raise exception 'not refused: %', statement using errcode = 'XX000';
exception when others then
  get stacked diagnostics rule = constraint_name;
  if sqlstate <> expected and (sqlstate not in ('23000', '22023') or rule <> expected) then
    raise exception '%: % (%) instead of %: %', statement, sqlstate, rule, expected, sqlerrm;
  end if;
end $$;
-- Person 1, 2, 3 …, and the session of one.
create function pg_temp.person(number int) returns uuid immutable language sql as $$
  select ('00000000-0000-0000-0001-' || lpad(number::text, 12, '0'))::uuid
$$;
create function pg_temp.session(number int) returns json immutable language sql as $$
  select json_build_object('x-hasura-user-id', pg_temp.person(number), 'x-hasura-role', 'user')
$$;
insert into auth.users (id, display_name, email, locale)
select pg_temp.person(i), 'Person ' || i, 'person' || i || '@example.org', 'en' from generate_series(1, 30) i;
