-- A refresh token for a person who has just shown who they are. Their expired ones go, a few at a time:
-- a token that another statement holds is left to it, so that nobody waits for anybody.
-- $5: the hash that their password was compared with, where they showed it.
-- No row: the account is disabled or gone, or has another password by now.
with seen as (
  update auth.users
  set last_seen = now()
  where id = $1 and not disabled and ($5::text is null or password_hash = $5::text)
  returning *
),
new_token as (
  insert into auth.refresh_tokens (user_id, refresh_token_hash, expires_at, metadata)
  select s.id, $2::text, now() + $3::float8 * interval '1 second', $4::jsonb || jsonb_build_object('lastUsedAt', now())
  from seen s
  returning id
),
swept as (
  delete from auth.refresh_tokens
  where id in (
    select t.id
    from auth.refresh_tokens t
    where t.user_id = $1 and t.expires_at < now()
    limit 100
    for update skip locked
  )
)
select
  s.id, s.created_at, s.display_name, s.avatar_url, s.locale::text, s.email::text, s.email_verified,
  s.phone_number, s.phone_number_verified, s.is_anonymous, s.default_role, s.metadata, s.active_mfa_type,
  s.disabled,
  array(select r.role from auth.user_roles r where r.user_id = s.id order by r.role) as roles,
  t.id as refresh_token_id
from seen s, new_token t
