-- An account without a password for the person $2 of the service $1, with the address $3, which the service has
-- verified or not ($4).
-- No row: the address has an account already, or the person has.
with new_user as (
  insert into auth.users (email, email_verified, display_name, locale, default_role, metadata, disabled)
  select $3::text, $4::boolean, $5::text, $6::text, $7::text, $9::jsonb, $10::boolean
  where not exists (
    select from auth.user_providers p where p.provider_id = $1::text and p.provider_user_id = $2::text
  )
  on conflict do nothing
  returning id
),
new_roles as (
  insert into auth.user_roles (user_id, role)
  select u.id, wanted.role
  from new_user u, unnest($8::text[]) as wanted (role)
),
new_identity as (
  insert into auth.user_providers (user_id, provider_id, provider_user_id, access_token)
  select u.id, $1::text, $2::text, ''
  from new_user u
)
select id from new_user
