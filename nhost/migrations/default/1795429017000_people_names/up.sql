-- Finding people by their name without reading all of them: the beginnings of names, kept beside Nhost's table, on which
-- nothing of ours may be put. Whoever searches brings them up to date first, if that was not done just now: twenty times as
-- long ago as it took, or five seconds. What is found is compared with the name itself.

create table public.people_names (
  user_id uuid not null,
  -- The name from one of its words on, in small letters; ordered by its characters, so that beginnings are a range.
  beginning text collate "C" not null,
  -- The whole of it, as it was read.
  name text not null,
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
-- Without a search path of its own: its names are bound already, and so it becomes a part of the statement that uses it.
return translate(
  lower(left(
    case
      when name ~ '^[^\s@]+@[^\s@]+$' then split_part(name, '@', 1)
      else btrim(regexp_replace(name, '\s+', ' ', 'g'))
    end,
    256
  )),
  'ё', 'е'
);

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
  changed uuid[];
begin
  -- Whoever comes meanwhile searches in what there is.
  select s.* into state from public.people_names_state s
  where s.single and s.refreshed_at + least(20 * s.took, '5 seconds') <= began for update skip locked;
  if not found then
    return;
  end if;
  since := case when state.all_seen_at > now() - interval '1 hour' then state.seen_until - interval '10 minutes' else '-infinity' end;

  changed := array(
    select u.id from auth.users u
    where u.updated_at >= since and not u.disabled and not u.is_anonymous
      and not exists (select from public.people_names n where n.user_id = u.id and n.name = u.display_name)
  );
  if cardinality(changed) > 0 then
    delete from public.people_names n where n.user_id = any (changed);
    -- From each of the first five words on.
    insert into public.people_names (user_id, beginning, name)
    select distinct u.id, array_to_string(split.words[i:], ' '), u.display_name
    from auth.users u
    cross join lateral (select string_to_array(public.folded_name(u.display_name), ' ') as words) split
    cross join lateral generate_series(1, least(cardinality(split.words), 5)) as i
    where u.id = any (changed);
  end if;

  update public.people_names_state s
  set seen_until = now(), refreshed_at = clock_timestamp(), took = clock_timestamp() - began,
    all_seen_at = case when since = '-infinity' then now() else s.all_seen_at end
  where s.single;
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
set jit = off
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
      where strpos(' ' || public.folded_name(u.display_name), ' ' || folded) > 0
      union
      select named.user_id from (
        select s.user_id from public.user_settings s
        where lower(s.username) like pattern order by lower(s.username) using ~<~ limit 100
      ) named
      union
      select u.id from auth.users u
      left join public.user_settings s on s.user_id = u.id
      -- As the column is compared, hence by its index.
      where u.email = wanted::public.citext and coalesce(s.found_by_email, true)
    )
    and not exists (select from public.blocks b where b.user_id = p.id and b.blocked_id = caller_id)
  order by lower(p.display_name), p.id
  limit 20;
end
$$;
