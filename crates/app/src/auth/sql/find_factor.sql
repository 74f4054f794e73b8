select
  u.email::text,
  case when exists (select from brain.email_factors f where f.user_id = u.id) then 'email' else u.active_mfa_type end
    as active_mfa_type
from auth.users u
where u.id = $1
