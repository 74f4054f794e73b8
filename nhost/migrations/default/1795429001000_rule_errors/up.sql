-- How a rule says no: one sentence for people and one code for programs, both kept here.
--
-- The SQLSTATE is 23000, whose message Hasura passes on; the code travels as the error's constraint name. An engine
-- that knows of it puts it into `extensions.code`; on Hasura a client finds the code in this table by the sentence.

create table public.rule_errors (
  code text primary key,
  message text not null,
  constraint rule_errors_code_check check (code ~ '^[a-z]+(-[a-z]+)*$'),
  constraint rule_errors_message_key unique (message)
);

comment on table public.rule_errors is 'What the rules answer: a code for programs, a sentence for people';

insert into public.rule_errors (code, message) values
  ('not-signed-in', 'Only a signed-in person can do this'),
  ('no-such-person', 'There is no such person'),
  ('too-fast', 'You are doing this too often: wait a little and try again');

create function public.refuse(code text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '%', (select e.message from public.rule_errors e where e.code = refuse.code)
    using errcode = '23000', constraint = code, schema = 'public';
end
$$;

comment on function public.refuse is 'Fails with the sentence and the code of a rule';

-- Who calls a function.
create function public.caller_of(hasura_session json) returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := nullif(hasura_session ->> 'x-hasura-user-id', '')::uuid;
begin
  if not exists (select from public.people p where p.id = caller_id) then
    perform public.refuse('not-signed-in');
  end if;
  return caller_id;
end
$$;

-- How often somebody has done something in the running window of time. One row per person and kind, hence bounded.
create table public.spent_attempts (
  user_id uuid not null,
  kind text not null,
  started_at timestamptz not null,
  times integer not null,
  constraint spent_attempts_pkey primary key (user_id, kind),
  constraint spent_attempts_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
)
with (fillfactor = 70);

comment on table public.spent_attempts is 'What people have done in the running window of a limit in time';

create function public.spend_attempt(user_id uuid, kind text, most integer, span interval) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  spent integer;
begin
  insert into public.spent_attempts as s (user_id, kind, started_at, times)
  values (spend_attempt.user_id, spend_attempt.kind, clock_timestamp(), 1)
  on conflict on constraint spent_attempts_pkey do update set
    started_at = case when s.started_at <= clock_timestamp() - span then clock_timestamp() else s.started_at end,
    times = case when s.started_at <= clock_timestamp() - span then 1 else s.times + 1 end
  returning s.times into spent;
  if spent > most then
    perform public.refuse('too-fast');
  end if;
end
$$;

-- What an operator may want otherwise: the administrator changes the value, and it counts from the next statement on.
create table public.rule_limits (
  name text primary key,
  value integer not null,
  constraint rule_limits_name_check check (name ~ '^[a-z]+(-[a-z]+)*$'),
  constraint rule_limits_value_check check (value > 0)
);

comment on table public.rule_limits is 'How much of something is allowed';

insert into public.rule_limits (name, value) values
  ('messages-per-minute', 60);
