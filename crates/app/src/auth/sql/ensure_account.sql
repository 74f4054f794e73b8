-- An account without a password for the address $1, where there is none. A letter to nobody is written in any
-- case: an address that has an account takes as long as one that has none.
with new_user as (
  insert into auth.users (email, display_name, locale, default_role, metadata, disabled, avatar_url)
  values (
    $1::text, $2::text, $3::text, $4::text, $6::jsonb, $7::boolean,
    case
      when $8::boolean then 'https://www.gravatar.com/avatar/' || md5(lower($1::text)) || '?d=blank&r=g'
      else ''
    end
  )
  on conflict do nothing
  returning id
),
new_roles as (
  insert into auth.user_roles (user_id, role)
  select u.id, wanted.role
  from new_user u, unnest($5::text[]) as wanted (role)
)
insert into brain.letters (template, locale, recipient, variables, deadline)
values ('nobody', '', '', '{}', now() + interval '1 minute')
