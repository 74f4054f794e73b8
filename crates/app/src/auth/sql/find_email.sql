select
  u.email::text, u.disabled, u.email_verified, u.is_anonymous,
  exists (select from auth.users o where o.email operator(public.=) $2::text::auth.email) as is_taken
from auth.users u
where u.id = $1
