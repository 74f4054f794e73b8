-- An account of somebody who does not say who they are, with its first refresh token ($5, its hash).
with new_user as (
  insert into auth.users (display_name, locale, default_role, metadata, is_anonymous, disabled, last_seen)
  values ($1::text, $2::text, 'anonymous', $3::jsonb, true, $4::boolean, now())
  returning *
),
new_roles as (
  insert into auth.user_roles (user_id, role)
  select u.id, 'anonymous'
  from new_user u
  returning role
),
new_token as (
  insert into auth.refresh_tokens (user_id, refresh_token_hash, expires_at, metadata)
  select u.id, $5::text, now() + $6::float8 * interval '1 second', $7::jsonb || jsonb_build_object('lastUsedAt', now())
  from new_user u
  where not u.disabled
  returning id
)
select
  u.id, u.created_at, u.display_name, u.avatar_url, u.locale::text, u.email::text, u.email_verified,
  u.phone_number, u.phone_number_verified, u.is_anonymous, u.default_role, u.metadata, u.active_mfa_type,
  u.disabled,
  array(select r.role from new_roles r) as roles,
  (select t.id from new_token t) as refresh_token_id
from new_user u
