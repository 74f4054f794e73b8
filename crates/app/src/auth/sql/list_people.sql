-- Accounts, the newest first: that with the id or the address $1, or those whose address or name contains $2; where $3
-- says so, those alone that are blocked; at most $4.
select
  u.id, u.email::text, u.display_name, u.disabled, u.email_verified, u.is_anonymous,
  to_char(u.created_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') as created_at,
  to_char(u.last_seen at time zone 'utc', 'YYYY-MM-DD HH24:MI') as last_seen,
  u.active_mfa_type is not null or exists (select from brain.email_factors f where f.user_id = u.id)
    as has_second_factor,
  array(select r.role from auth.user_roles r where r.user_id = u.id order by r.role) as roles,
  (select count(*) from auth.refresh_tokens t where t.user_id = u.id and t.expires_at > now()) as sessions
from auth.users u
where ($1::text is null or u.id::text = lower($1::text) or lower(u.email::text) = lower($1::text))
  and (
    $2::text is null
    or strpos(lower(u.email::text), lower($2::text)) > 0
    or strpos(lower(u.display_name), lower($2::text)) > 0
  )
  and (u.disabled or not $3::boolean)
order by u.created_at desc, u.id
limit $4
