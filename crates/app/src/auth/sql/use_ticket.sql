-- Uses up the ticket ($1, its digest) of a link, does what it proves, and tells who it was for. Every link verifies the
-- address that it went to; one that was sent to do that is none any more where the address is verified.
-- A link to sign in, or to replace a forgotten password, to an address that was not verified: whoever made the account
-- need not be the one who has the address, so their password, sessions, tickets, security keys and links to other
-- services end.
-- A changed address ends the links that are out: whoever reads the old one's letters has nothing to do with the account
-- any more.
-- No row: it is unknown, used, expired, or its person is shut out. Run behind the lock of the person.
with used as (
  delete from brain.tickets
  where ticket_hash = $1::text and kind = any ($2::text[]) and expires_at > now()
  returning user_id, kind, new_email
),
before as (
  select
    u.id, u.email::text as email, used.kind, used.new_email,
    used.kind in ('passwordlessEmail', 'passwordReset') and not u.email_verified as takes_over
  from auth.users u
  join used on used.user_id = u.id
  where not u.disabled and (used.kind <> 'verifyEmail' or not u.email_verified)
),
person as (
  update auth.users u
  set
    email = case when b.kind = 'emailConfirmChange' then b.new_email else u.email end,
    new_email = case when b.kind = 'emailConfirmChange' then null else u.new_email end,
    password_hash = case when not b.takes_over then u.password_hash end,
    email_verified = true
  from before b
  where u.id = b.id
  returning u.id, u.email::text as email, u.display_name, u.locale::text as locale, b.kind
),
strangers as (
  delete from auth.refresh_tokens t using before b where b.takes_over and t.user_id = b.id
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
  where t.user_id = b.id and t.ticket_hash <> $1::text
    and (b.takes_over or (b.kind = 'emailConfirmChange' and t.kind = any ($2::text[])))
),
told as (
  insert into brain.letters (template, locale, recipient, variables, deadline)
  select
    'email-changed', p.locale, b.email, jsonb_build_object('displayName', p.display_name, 'newEmail', p.email),
    now() + interval '1 day'
  from person p
  join before b on b.id = p.id
  where p.kind = 'emailConfirmChange' and b.email is distinct from p.email
)
select p.id, p.kind from person p
