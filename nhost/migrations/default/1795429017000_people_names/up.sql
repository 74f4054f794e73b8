-- Finding people by their name without reading all of them: the beginnings of names, kept beside Nhost's table, on which
-- nothing of ours may be put. Whoever searches brings them up to date first, if that was not done just now: twenty times as
-- long ago as it took, or five seconds. What is found is compared with the name itself.

create table public.people_names (
  user_id uuid not null,
  -- The name from one of its words on, in small letters; ordered by its characters, so that beginnings are a range.
  beginning text collate "C" not null,
  constraint people_names_pkey primary key (beginning, user_id),
  constraint people_names_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
);

comment on table public.people_names is 'By what names people are found';

create index people_names_user_id_idx on public.people_names (user_id);

-- How far `people_names` has followed; one row.
create table public.people_names_state (
  single boolean primary key default true,
  seen_until timestamptz not null default '-infinity',
  refreshed_at timestamptz not null default '-infinity',
  all_seen_at timestamptz not null default '-infinity',
  took interval not null default '0',
  constraint people_names_state_single_check check (single)
);

comment on table public.people_names_state is 'How far the names of people are known';

insert into public.people_names_state default values;

-- Е and ё are one letter, as in most writing. Of an address that stands for a name, what is before the @.
create function public.folded_name(name text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return translate(
  lower(left(case when name ~ '^[^\s@]+@[^\s@]+$' then split_part(name, '@', 1) else btrim(name) end, 256)), 'ё', 'е'
);

-- Of each of the first five words.
create function public.name_beginnings(name text) returns setof text
language sql immutable parallel safe rows 2
set search_path = pg_catalog, pg_temp
as $$
  select distinct array_to_string(words[i:], ' ')
  from (select regexp_split_to_array(public.folded_name(name), '\s+') as words) split, generate_series(1, 5) as i
  where array_to_string(words[i:], ' ') <> ''
$$;

-- Follows what Nhost Auth has written since the last time. Somebody else's transaction may have begun before that and
-- ended after it, hence the ten minutes; what was imported with an older time is found within the hour.
create function public.refresh_people_names() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  began timestamptz := clock_timestamp();
  state public.people_names_state;
  since timestamptz;
begin
  -- Whoever comes meanwhile searches in what there is.
  select s.* into state from public.people_names_state s
  where s.refreshed_at + least(20 * s.took, '5 seconds') <= began for update skip locked;
  if not found then
    return;
  end if;
  since := case when state.all_seen_at > now() - interval '1 hour' then state.seen_until - interval '10 minutes' else '-infinity' end;

  insert into public.people_names (user_id, beginning)
  select u.id, b.beginning
  from auth.users u, public.name_beginnings(u.display_name) as b (beginning)
  where u.updated_at >= since and not u.disabled and not u.is_anonymous
    and not exists (select from public.people_names n where n.user_id = u.id and n.beginning = b.beginning)
  on conflict do nothing;
  delete from public.people_names n
  using auth.users u
  where u.id = n.user_id and u.updated_at >= since
    and n.beginning not in (select b.beginning from public.name_beginnings(u.display_name) as b (beginning));

  update public.people_names_state s
  set seen_until = now(), refreshed_at = clock_timestamp(), took = clock_timestamp() - began,
    all_seen_at = case when since = '-infinity' then now() else s.all_seen_at end;
end
$$;

comment on function public.refresh_people_names is 'Brings the names by which people are found up to date, if it is time';

do $$ begin perform public.refresh_people_names(); end $$;

-- Names and user names by their beginning, in the order of the alphabet; the e-mail address as a whole only: nobody
-- collects addresses by guessing at them. Of each, the first hundred are looked at.
create or replace function public.search_people(query text, hasura_session json) returns setof public.people
language plpgsql volatile rows 20
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  wanted text := left(ltrim(btrim(lower(search_people.query)), '@'), 320);
  -- Behind an @ stands a user name.
  by_username boolean := ltrim(search_people.query) like '@%';
  folded text := regexp_replace(translate(wanted, 'ё', 'е'), '\s+', ' ', 'g');
  pattern text;
begin
  if coalesce(char_length(wanted), 0) < 2 then
    perform public.refuse('query-too-short');
  end if;
  perform public.spend(caller_id, 'people-searches-per-minute');
  perform public.refresh_people_names();
  pattern := replace(replace(replace(folded, '\', '\\'), '%', '\%'), '_', '\_') || '%';
  return query
  select p.*
  from public.people p
  where p.id in (
      select n.user_id from (
        select n.user_id, n.beginning from public.people_names n
        where not by_username and n.beginning >= folded and n.beginning < folded || U&'\+10FFFF'
        order by n.beginning limit 100
      ) n
      join auth.users u on u.id = n.user_id
      where n.beginning in (select b.beginning from public.name_beginnings(u.display_name) as b (beginning))
      union
      select named.user_id from (
        select s.user_id from public.user_settings s
        where lower(s.username) like pattern order by lower(s.username) using ~<~ limit 100
      ) named
      union
      select u.id from auth.users u
      left join public.user_settings s on s.user_id = u.id
      -- Compared as the column is, without regard to case.
      where u.email = wanted and coalesce(s.found_by_email, true)
    )
    and not exists (select from public.blocks b where b.user_id = p.id and b.blocked_id = caller_id)
  order by lower(p.display_name), p.id
  limit 20;
end
$$;
