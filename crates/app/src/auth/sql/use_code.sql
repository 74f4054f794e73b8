-- Uses up the code $1, whose HMAC is $2: of several at once, one. It verifies the address it was sent to; one that was
-- sent to do that is none any more where the address is verified.
-- Was that not verified before, then, where $3 says so, whoever made the account need not be the one who has the address:
-- their password, sessions, tickets, security keys and links to other services end.
-- Run behind the lock of the person.
with used as (
  update brain.codes set code_mac = '', expires_at = now()
  where id = $1 and code_mac = $2::bytea and expires_at > now()
  returning user_id, purpose
),
before as (
  select u.id, $3::boolean and not u.email_verified as takes_over
  from auth.users u
  join used on used.user_id = u.id
  where not u.disabled and (used.purpose <> 'verify' or not u.email_verified)
),
strangers as (
  delete from auth.refresh_tokens t using before b where b.takes_over and t.user_id = b.id
),
their_tickets as (
  delete from brain.tickets t using before b where b.takes_over and t.user_id = b.id
),
their_keys as (
  delete from auth.user_security_keys k using before b where b.takes_over and k.user_id = b.id
),
their_services as (
  delete from auth.user_providers p using before b where b.takes_over and p.user_id = b.id
)
update auth.users u
set email_verified = true, password_hash = case when not b.takes_over then u.password_hash end
from before b
where u.id = b.id
returning u.id
