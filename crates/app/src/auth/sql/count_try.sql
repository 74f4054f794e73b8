-- Counts a guess at the code of the person with the address $1 for a purpose ($2) from a network ($3), before
-- anybody looks whether it is right. The rows' locks let parallel guesses count one after the other.
-- No row: there is no code, or the network's guesses at it ($4) or all of them ($5) are used up.
-- Where there is no code, the guess is counted all the same, for a code that nobody has: a commit takes time, which
-- would tell who has an account. Such rows are swept with those of codes that are gone.
with code as (
  select c.id
  from brain.codes c
  join auth.users u on u.id = c.user_id
  where u.email operator(public.=) $1::text::auth.email
    and not u.disabled
    and c.purpose = $2::text
    and c.expires_at > now()
    and c.tries < $5::integer
    and length(c.code_mac) > 0
),
tried as (
  insert into brain.code_tries as t (code_id, network, tries)
  select coalesce((select code.id from code), md5(lower($1::text) || ' ' || $2::text)::uuid), $3::text, 1
  on conflict (code_id, network) do update set tries = t.tries + 1 where t.tries < $4::integer
  returning t.code_id
)
update brain.codes c
set tries = c.tries + 1
from tried
where c.id = tried.code_id and c.tries < $5::integer
returning c.id, c.user_id, c.code_mac
