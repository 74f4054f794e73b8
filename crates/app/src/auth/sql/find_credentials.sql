-- The operator is named with its schema: another one would compare upper and lower case as different.
select id, password_hash, disabled, email_verified, is_anonymous
from auth.users
where email operator(public.=) $1::text::auth.email
