-- A ticket ($2, its digest) of a kind ($3) and the letter that brings it ($6, with the variables $7), for the
-- person with the address $1. It expires after $4 seconds, and so does the letter. Where there is a code ($10, its
-- HMAC, good for $11 seconds) the letter brings that, too; a person gets $12 of them an hour.
-- A letter to nobody is written where there is no such person, or they got the same within $5 seconds: one
-- answer takes as long as the other. $8: whether the address must be verified, or must not be, or (null) either.
with person as (
  select u.id, u.email::text as email, u.display_name, u.locale::text as locale
  from auth.users u
  where u.email operator(public.=) $1::text::auth.email
    and not u.disabled
    and not u.is_anonymous
    and ($8::boolean is null or u.email_verified = $8::boolean)
    and not exists (
      select from brain.tickets t
      where t.user_id = u.id and t.kind = $3::text and t.created_at > now() - $5::float8 * interval '1 second'
    )
    and not exists (
      select from brain.codes c
      where $10::bytea is not null and c.user_id = u.id and c.purpose = 'verify'
        and c.issued >= $12::integer and c.window_started_at > now() - interval '1 hour'
    )
),
code as (
  insert into brain.codes as c (user_id, purpose, code_mac, expires_at)
  select p.id, 'verify', $10::bytea, now() + $11::float8 * interval '1 second'
  from person p
  where $10::bytea is not null
  on conflict (user_id, purpose) do update
  set
    id = gen_random_uuid(), code_mac = excluded.code_mac, created_at = now(), expires_at = excluded.expires_at,
    tries = 0,
    window_started_at =
      case when c.window_started_at < now() - interval '1 hour' then now() else c.window_started_at end,
    issued = case when c.window_started_at < now() - interval '1 hour' then 1 else c.issued + 1 end
),
ticket as (
  insert into brain.tickets (ticket_hash, user_id, kind, new_email, expires_at)
  select $2::text, p.id, $3::text, $9::text::auth.email, now() + $4::float8 * interval '1 second'
  from person p
  returning user_id
)
insert into brain.letters (template, locale, recipient, variables, deadline)
select
  case when p.id is null then 'nobody' else $6::text end,
  coalesce(p.locale, ''),
  coalesce($9::text, p.email, ''),
  case
    when p.id is null then '{}'
    else $7::jsonb || jsonb_build_object(
      'displayName', p.display_name, 'email', p.email, 'newEmail', coalesce($9::text, ''), 'locale', p.locale
    )
  end,
  now() + $4::float8 * interval '1 second'
from (select) as always
left join person p on true
returning template
