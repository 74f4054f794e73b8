-- The person $1, and whether the session $2 is theirs and has not ended; none ($2 is null) cannot have.
select
  u.id, u.created_at, u.display_name, u.avatar_url, u.locale::text, u.email::text, u.email_verified,
  u.phone_number, u.phone_number_verified, u.is_anonymous, u.default_role, u.metadata,
  case when exists (select from brain.email_factors f where f.user_id = u.id) then 'email' else u.active_mfa_type end
    as active_mfa_type,
  u.disabled,
  array(select r.role from auth.user_roles r where r.user_id = u.id order by r.role) as roles,
  $2::uuid is null or exists (select from auth.refresh_tokens t where t.id = $2::uuid and t.user_id = u.id)
    as session_lives
from auth.users u
where u.id = $1
