-- A ticket ($2, its digest) of a kind ($3) and the letter that brings it ($6, with the variables $7), for the
-- person with the address $1. It expires after $4 seconds, and so does the letter. Where there is a code ($10, its
-- HMAC, good for $11 seconds) the letter brings that, too; a person gets $12 of them an hour.
-- A letter to nobody is written where there is no such person, they got the same within $5 seconds, or as many codes: one
-- answer takes as long as the other. $8: whether the address must be verified, or must not be, or (null) either.
-- Of several at once the rows' locks let one after the other see what the last one wrote; the clock goes on meanwhile.
with person as (
  select u.id, u.email::text as email, u.display_name, u.locale::text as locale
  from auth.users u
  where u.email operator(public.=) $1::text::auth.email
    and not u.disabled
    and not u.is_anonymous
    and ($8::boolean is null or u.email_verified = $8::boolean)
),
opened as (
  insert into brain.letter_pauses as l (user_id, kind)
  select p.id, $3::text
  from person p
  on conflict (user_id, kind) do update
  set sent_at = excluded.sent_at
  where l.sent_at <= clock_timestamp() - $5::float8 * interval '1 second'
  returning l.user_id
),
code as (
  insert into brain.codes as c (user_id, purpose, code_mac, expires_at)
  select o.user_id, 'verify', $10::bytea, now() + $11::float8 * interval '1 second'
  from opened o
  where $10::bytea is not null
  on conflict (user_id, purpose) do update
  set
    id = gen_random_uuid(), code_mac = excluded.code_mac, created_at = now(), expires_at = excluded.expires_at,
    tries = 0,
    window_started_at =
      case when c.window_started_at < now() - interval '1 hour' then now() else c.window_started_at end,
    issued = case when c.window_started_at < now() - interval '1 hour' then 1 else c.issued + 1 end
  where c.issued < $12::integer or c.window_started_at < now() - interval '1 hour'
  returning c.user_id, c.expires_at
),
reader as (
  select p.*, coalesce(c.expires_at::text, '') as code_ends_at
  from person p
  join opened o on o.user_id = p.id
  left join code c on c.user_id = p.id
  where $10::bytea is null or c.user_id is not null
),
ticket as (
  insert into brain.tickets (ticket_hash, user_id, kind, new_email, expires_at)
  select $2::text, r.id, $3::text, $9::text::auth.email, now() + $4::float8 * interval '1 second'
  from reader r
)
insert into brain.letters (template, locale, recipient, variables, deadline)
select
  case when r.id is null then 'nobody' else $6::text end,
  coalesce(r.locale, ''),
  coalesce($9::text, r.email, ''),
  case
    when r.id is null then '{}'
    else $7::jsonb || jsonb_build_object(
      'displayName', r.display_name, 'email', r.email, 'newEmail', coalesce($9::text, ''), 'locale', r.locale,
      'codeEndsAt', r.code_ends_at
    )
  end,
  now() + $4::float8 * interval '1 second'
from (select) as always
left join reader r on true
returning template
