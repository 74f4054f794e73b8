-- The credentials of the person with the id $1 or the address $2, and who it is.
select u.id, k.credential_id, k.transports
from auth.users u
join brain.passkeys p on p.user_id = u.id
join auth.user_security_keys k on k.id = p.security_key_id
where (u.id = $1::uuid or u.email operator(public.=) $2::text::auth.email) and not u.disabled
order by k.id
limit 64
