-- Uses up the code $1, whose HMAC is $2: of several at once, one. It verifies the address it was sent to.
-- Was that not verified before, then, where $3 says so, whoever made the account need not be the one who has the address: their
-- password, sessions, security keys and links to other services end.
with used as (
  update brain.codes set code_mac = '', expires_at = now()
  where id = $1 and code_mac = $2::bytea and expires_at > now()
  returning user_id
),
strangers as (
  delete from auth.refresh_tokens t
  using used, auth.users u
  where $3::boolean and u.id = used.user_id and t.user_id = u.id and not u.email_verified
),
their_keys as (
  delete from auth.user_security_keys k
  using used, auth.users u
  where $3::boolean and u.id = used.user_id and k.user_id = u.id and not u.email_verified
),
their_services as (
  delete from auth.user_providers p
  using used, auth.users u
  where $3::boolean and u.id = used.user_id and p.user_id = u.id and not u.email_verified
)
update auth.users u
set email_verified = true, password_hash = case when u.email_verified or not $3::boolean then u.password_hash end
from used
where u.id = used.user_id and not u.disabled
returning u.id
