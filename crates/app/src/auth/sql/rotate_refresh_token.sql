-- Puts a new refresh token ($2) in the place of a good one ($1), if its person may come in.
-- The spent one is remembered. Several at once: the row's lock lets one through, and then the condition on the hash fails for the rest.
-- The person is locked before their session, as by whatever ends sessions: two that lock them the other way around would wait for each other.
-- No row: the token is unknown, expired or a personal access token. `rotated` is false where the person may
-- not come in, or another request was faster.
with found as (
  select t.id, t.user_id
  from auth.refresh_tokens t
  join auth.users u on u.id = t.user_id
  where t.refresh_token_hash = $1::text and t.type = 'regular' and t.expires_at > now()
  for no key update of u
),
rotated as (
  update auth.refresh_tokens t
  set
    refresh_token_hash = $2::text,
    expires_at = now() + $3::float8 * interval '1 second',
    metadata = coalesce(t.metadata, '{}') || $5::jsonb || jsonb_build_object('lastUsedAt', now())
  from found f
  join auth.users u on u.id = f.user_id
  where t.id = f.id
    and t.refresh_token_hash = $1::text
    and not u.disabled
    and (u.email_verified or u.is_anonymous or not $4::boolean)
  returning t.id, t.user_id
),
spent as (
  insert into brain.spent_refresh_tokens (refresh_token_hash, refresh_token_id, user_id)
  select $1::text, r.id, r.user_id
  from rotated r
),
seen as (
  update auth.users u
  set last_seen = now()
  from rotated r
  where u.id = r.user_id
)
select
  u.id, u.created_at, u.display_name, u.avatar_url, u.locale::text, u.email::text, u.email_verified,
  u.phone_number, u.phone_number_verified, u.is_anonymous, u.default_role, u.metadata, u.active_mfa_type,
  u.disabled,
  array(select r.role from auth.user_roles r where r.user_id = u.id order by r.role) as roles,
  f.id as refresh_token_id,
  exists (select from rotated) as rotated
from found f
join auth.users u on u.id = f.user_id
