-- A ticket ($1, its digest) of a kind ($3), good for $4 seconds, for the person $2, whose password had the hash $5, where
-- they showed it. The lock lets a change of the password come before this, or see the ticket.
-- No row: the account is disabled or gone, or has another password by now.
insert into brain.tickets (ticket_hash, user_id, kind, expires_at)
select $1::text, u.id, $3::text, now() + $4::float8 * interval '1 second'
from auth.users u
where u.id = $2 and not u.disabled and ($5::text is null or u.password_hash = $5::text)
for share of u
