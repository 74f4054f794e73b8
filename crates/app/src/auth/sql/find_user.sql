select
  u.id, u.created_at, u.display_name, u.avatar_url, u.locale::text, u.email::text, u.email_verified,
  u.phone_number, u.phone_number_verified, u.is_anonymous, u.default_role, u.metadata,
  case when exists (select from brain.email_factors f where f.user_id = u.id) then 'email' else u.active_mfa_type end
    as active_mfa_type,
  u.disabled,
  array(select r.role from auth.user_roles r where r.user_id = u.id order by r.role) as roles
from auth.users u
where u.id = $1
