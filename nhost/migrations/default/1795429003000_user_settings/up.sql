-- What people set for themselves, and how they are found.

create table public.user_settings (
  user_id uuid primary key,
  -- Unique without regard to case (index below); what `@name` in a message means.
  username text,
  locale text,
  time_zone text,
  -- No sound and no push between the two, in the time zone above; may run over midnight.
  quiet_from time,
  quiet_to time,
  push_text text not null default 'full',
  presence_visibility text not null default 'everybody',
  found_by_email boolean not null default true,
  updated_at timestamptz not null default now(),
  constraint user_settings_username_check check (
    username ~ '^[A-Za-z][A-Za-z0-9_]{2,31}$' and lower(username) not in ('all', 'everyone', 'here', 'admin', 'system')
  ),
  constraint user_settings_locale_check check (locale in ('en', 'ru')),
  constraint user_settings_quiet_check check ((quiet_from is null) = (quiet_to is null)),
  constraint user_settings_push_text_check check (push_text in ('full', 'sender', 'none')),
  constraint user_settings_presence_visibility_check check (presence_visibility in ('everybody', 'contacts', 'nobody')),
  constraint user_settings_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
);

comment on table public.user_settings is 'What somebody has set; who has no row has the defaults';
comment on column public.user_settings.username is 'The unique name behind @, which everybody may see';
comment on column public.user_settings.push_text is 'What a push shows: full, sender or none';
comment on column public.user_settings.presence_visibility is 'Who sees when one is there: everybody, contacts or nobody';
comment on column public.user_settings.found_by_email is 'Whether who knows the e-mail address finds the person';

-- The pattern operators serve both the exact name and its beginning.
create unique index user_settings_username_key on public.user_settings (lower(username) text_pattern_ops);

insert into public.rule_errors (code, message) values
  ('unknown-time-zone', 'There is no such time zone'),
  ('query-too-short', 'Type at least two characters');

create function public.user_settings_before_write() returns trigger
language plpgsql as $$
begin
  new.updated_at := now();
  if new.time_zone is not null then
    begin
      perform now() at time zone new.time_zone;
    exception when invalid_parameter_value then
      perform public.refuse('unknown-time-zone');
    end;
  end if;
  return new;
end
$$;

create trigger user_settings_before_write
before insert or update on public.user_settings
for each row execute function public.user_settings_before_write();

-- The join costs nothing where the name is not asked for: its key is unique.
create or replace view public.people as
select
  u.id,
  case
    when u.display_name ~ '^[^\s@]+@[^\s@]+$' then split_part(u.display_name, '@', 1)
    else u.display_name
  end as display_name,
  u.avatar_url,
  s.username
from auth.users u
left join public.user_settings s on s.user_id = u.id
where not u.disabled and not u.is_anonymous;

-- Names by their beginning, the e-mail address as a whole only: nobody collects addresses by guessing at them.
-- Limited in rate, hence not stable though it only reads.
create function public.search_people(query text, hasura_session json) returns setof public.people
language plpgsql volatile rows 20
set search_path = pg_catalog, public, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  wanted text := left(ltrim(btrim(lower(search_people.query)), '@'), 320);
  pattern text;
begin
  if coalesce(char_length(wanted), 0) < 2 then
    perform public.refuse('query-too-short');
  end if;
  perform public.spend_attempt(caller_id, 'search_people', 60, interval '1 minute');
  pattern := replace(replace(replace(wanted, '\', '\\'), '%', '\%'), '_', '\_') || '%';
  return query
  select p.*
  from public.people p
  where p.id in (
      select u.id from auth.users u
      where lower(u.display_name) like pattern
        -- Who gave no name has an address there.
        and not (pattern like '%@%' and u.display_name like '%@%')
      union
      select s.user_id from public.user_settings s where lower(s.username) like pattern
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

comment on function public.search_people is
  'People by the beginning of their name, or by their whole e-mail address; 20 at most';
