-- Whether the person with the address $1 has a code for a purpose ($2) that can still be used.
select
from brain.codes c
join auth.users u on u.id = c.user_id
where u.email operator(public.=) $1::text::auth.email
  and c.purpose = $2::text and c.expires_at > now() and length(c.code_mac) > 0
