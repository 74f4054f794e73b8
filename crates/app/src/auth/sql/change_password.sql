-- A new password ($3) for the person $1, who is signed in, or shows the ticket of a reset ($2, its digest), which this
-- uses up. Where $4 says so, it ends their sessions but $5; tickets and links that are out end in any case, but those
-- that verify an address which is not verified yet.
-- The ticket went to the person's address, and verifies it. Was that not verified before, whoever made the account need
-- not be the one who has the address: their sessions, security keys and links to other services end.
-- No row: the ticket is unknown, used or expired, or the person is shut out. Run behind the lock of the person.
with used as (
  delete from brain.tickets
  where ticket_hash = $2::text and user_id = $1 and kind = 'passwordReset' and expires_at > now()
  returning user_id
),
before as (
  select
    u.id,
    $2::text is not null and not u.email_verified as takes_over,
    $2::text is not null or u.email_verified as is_verified
  from auth.users u
  where u.id = $1 and not u.disabled and ($2::text is null or exists (select from used))
),
ended as (
  delete from auth.refresh_tokens t
  using before b
  where t.user_id = b.id and ($4::boolean or b.takes_over) and t.id is distinct from $5::uuid
),
their_keys as (
  delete from auth.user_security_keys k using before b where b.takes_over and k.user_id = b.id
),
their_services as (
  delete from auth.user_providers p using before b where b.takes_over and p.user_id = b.id
),
void as (
  delete from brain.tickets t
  using before b
  where t.user_id = b.id and t.ticket_hash is distinct from $2::text and (t.kind <> 'verifyEmail' or b.is_verified)
)
update auth.users u
set password_hash = $3::text, email_verified = b.is_verified
from before b
where u.id = b.id
returning u.id
