-- Gives the anonymous person $1 an address ($2) and what else an account has. Where $9 says so their sessions end:
-- the way back in is a letter.
-- No row: the person is not anonymous, disabled or gone.
with person as (
  update auth.users u
  set
    email = $2::text::auth.email,
    password_hash = $3::text,
    display_name = coalesce($4::text, case when u.display_name = $10::text then $2::text else u.display_name end),
    locale = coalesce($5::text, u.locale),
    default_role = $6::text,
    metadata = coalesce($8::jsonb, u.metadata),
    is_anonymous = false,
    email_verified = false
  where u.id = $1 and u.is_anonymous and not u.disabled
  returning u.id
),
old_roles as (
  delete from auth.user_roles r
  using person p
  where r.user_id = p.id and r.role <> all ($7::text[])
),
new_roles as (
  insert into auth.user_roles (user_id, role)
  select p.id, wanted.role
  from person p, unnest($7::text[]) as wanted (role)
  on conflict do nothing
),
ended as (
  delete from auth.refresh_tokens t
  using person p
  where t.user_id = p.id and $9::boolean
)
select id from person
