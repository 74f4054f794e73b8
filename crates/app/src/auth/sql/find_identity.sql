-- The account that the person $2 of the service $1 has here already; else the one that has their address ($3).
-- Of an account that is only found by the address, `is_linked` is false.
select u.id, u.disabled, u.email_verified, u.is_anonymous, true as is_linked
from auth.user_providers p
join auth.users u on u.id = p.user_id
where p.provider_id = $1::text and p.provider_user_id = $2::text
union all
select u.id, u.disabled, u.email_verified, u.is_anonymous, false
from auth.users u
where u.email operator(public.=) $3::text::auth.email
order by is_linked desc
limit 1
