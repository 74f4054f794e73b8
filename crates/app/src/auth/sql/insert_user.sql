-- One account with its roles and, where it is signed in at once ($10), its first refresh token.
-- No row: the address has an account already.
with new_user as (
  insert into auth.users (
    email, password_hash, display_name, locale, default_role, metadata, disabled, avatar_url, last_seen
  )
  values (
    $1::text, $2::text, $3::text, $4::text, $5::text, $7::jsonb, $8::boolean,
    case
      when $9::boolean then 'https://www.gravatar.com/avatar/' || md5(lower($1::text)) || '?d=blank&r=g'
      else ''
    end,
    case when $10::boolean then now() end
  )
  on conflict do nothing
  returning *
),
new_roles as (
  insert into auth.user_roles (user_id, role)
  select u.id, wanted.role
  from new_user u, unnest($6::text[]) as wanted (role)
  returning role
),
new_token as (
  insert into auth.refresh_tokens (user_id, refresh_token_hash, expires_at, metadata)
  select u.id, $11::text, now() + $12::float8 * interval '1 second', $13::jsonb || jsonb_build_object('lastUsedAt', now())
  from new_user u
  where $10::boolean
  returning id
)
select
  u.id, u.created_at, u.display_name, u.avatar_url, u.locale::text, u.email::text, u.email_verified,
  u.phone_number, u.phone_number_verified, u.is_anonymous, u.default_role, u.metadata, u.active_mfa_type,
  u.disabled,
  array(select r.role from new_roles r order by r.role) as roles,
  (select t.id from new_token t) as refresh_token_id
from new_user u
