-- Counts a code that the person with the ticket $1, or the person $2, shows for the second factor, before anybody
-- looks whether it is right; after $3 seconds counting begins anew.
-- $4: whether the person asks for codes in letters.
-- No row: the ticket is unknown, used or expired, or the person is shut out.
with who as (
  select
    u.id, u.totp_secret, u.active_mfa_type, u.email::text as email,
    exists (select from brain.email_factors f where f.user_id = u.id) as has_email_factor
  from auth.users u
  where not u.disabled
    and u.id = coalesce($2::uuid, (
      select t.user_id
      from brain.tickets t
      where t.ticket_hash = $1::text and t.kind = 'mfaTotp' and t.expires_at > now()
    ))
),
counted as (
  insert into brain.totp as t (user_id, tries)
  select w.id, 1
  from who w
  on conflict (user_id) do update
  set
    tries = case when t.window_started_at < now() - $3::float8 * interval '1 second' then 1 else t.tries + 1 end,
    window_started_at =
      case when t.window_started_at < now() - $3::float8 * interval '1 second' then now() else t.window_started_at end
  returning t.user_id, t.tries, t.last_step
)
select
  w.id, w.totp_secret, c.tries, c.last_step,
  w.has_email_factor,
  -- Where a code of a letter would be taken: at a sign-in with that factor, and to switch it on or off.
  case when w.has_email_factor or (w.active_mfa_type is null and $4::boolean) then w.email end as email
from who w
join counted c on c.user_id = w.id
