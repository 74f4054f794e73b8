-- An account ($1, chosen when the key was made; $2, its address) whose way in is a security key: $3, its credential;
-- $4, what it is reached by; $5, its name; $6, how it is verified.
-- No row: the address has an account already.
with new_user as (
  insert into auth.users (id, email, display_name, locale, default_role, metadata, disabled, avatar_url)
  values (
    $1, $2::text, $7::text, $8::text, $9::text, $11::jsonb, $12::boolean,
    case
      when $13::boolean then 'https://www.gravatar.com/avatar/' || md5(lower($2::text)) || '?d=blank&r=g'
      else ''
    end
  )
  on conflict do nothing
  returning id
),
new_roles as (
  insert into auth.user_roles (user_id, role)
  select u.id, wanted.role
  from new_user u, unnest($10::text[]) as wanted (role)
),
fresh as (
  insert into auth.user_security_keys (user_id, credential_id, transports, nickname)
  select u.id, $3::text, $4::text, $5::text
  from new_user u
  returning id, user_id
),
passkey as (
  insert into brain.passkeys (security_key_id, user_id, passkey)
  select f.id, f.user_id, $6::jsonb from fresh f
)
select f.user_id as id from fresh f
