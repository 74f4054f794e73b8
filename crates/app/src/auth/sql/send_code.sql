-- A code ($3, its HMAC) for a purpose ($2), good for $4 seconds, and the letter that brings it ($7, with the
-- variables $8), for the person with the address $1. It takes the place of the last one.
-- A letter to nobody is written where there is no such person, they got a code within $5 seconds, or $6 of them
-- within the hour: one answer takes as long as the other.
with person as (
  select u.id, u.email::text as email, u.display_name, u.locale::text as locale
  from auth.users u
  where u.email operator(public.=) $1::text::auth.email and not u.disabled and not u.is_anonymous
),
code as (
  insert into brain.codes as c (user_id, purpose, code_mac, expires_at)
  select p.id, $2::text, $3::bytea, now() + $4::float8 * interval '1 second'
  from person p
  on conflict (user_id, purpose) do update
  set
    id = gen_random_uuid(), code_mac = excluded.code_mac, created_at = now(), expires_at = excluded.expires_at,
    tries = 0,
    window_started_at =
      case when c.window_started_at < now() - interval '1 hour' then now() else c.window_started_at end,
    issued = case when c.window_started_at < now() - interval '1 hour' then 1 else c.issued + 1 end
  where c.created_at <= now() - $5::float8 * interval '1 second'
    and (c.issued < $6::integer or c.window_started_at < now() - interval '1 hour')
  returning c.user_id
)
insert into brain.letters (template, locale, recipient, variables, deadline)
select
  case when p.id is null then 'nobody' else $7::text end,
  coalesce(p.locale, ''),
  coalesce(p.email, ''),
  case
    when p.id is null then '{}'
    else $8::jsonb || jsonb_build_object('displayName', p.display_name, 'email', p.email, 'locale', p.locale)
  end,
  now() + $4::float8 * interval '1 second'
from (select) as always
left join (select p.* from person p join code c on c.user_id = p.id) p on true
returning template
