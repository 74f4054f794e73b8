-- Uses up the ticket ($1, its digest) of a link, does what it proves, and tells who it was for.
-- A link to sign in that verifies the address: whoever made the account need not be the one who has the
-- address, so their password and sessions end. So do, there and where a forgotten password is replaced, their security
-- keys and links to other services.
-- A changed address ends the links that are out: whoever reads the old one's letters has nothing to do with the account
-- any more.
-- No row: it is unknown, used, expired, or its person is shut out.
with used as (
  delete from brain.tickets
  where ticket_hash = $1::text and kind = any ($2::text[]) and expires_at > now()
  returning user_id, kind, new_email
),
before as (
  select u.id, u.email::text as email
  from auth.users u
  join used on used.user_id = u.id
),
person as (
  update auth.users u
  set
    email = case when used.kind = 'emailConfirmChange' then used.new_email else u.email end,
    new_email = case when used.kind = 'emailConfirmChange' then null else u.new_email end,
    password_hash =
      case when used.kind = 'passwordlessEmail' and not u.email_verified then null else u.password_hash end,
    email_verified = u.email_verified or used.kind <> 'passwordReset'
  from used
  where u.id = used.user_id and not u.disabled
  returning u.id, u.email::text as email, u.display_name, u.locale::text as locale, used.kind
),
strangers as (
  delete from auth.refresh_tokens t
  using used, auth.users u
  where used.kind = 'passwordlessEmail' and u.id = used.user_id and t.user_id = u.id and not u.email_verified
),
their_keys as (
  delete from auth.user_security_keys k
  using used, auth.users u
  where used.kind in ('passwordlessEmail', 'passwordReset') and u.id = used.user_id and k.user_id = u.id
    and not u.email_verified
),
their_services as (
  delete from auth.user_providers p
  using used, auth.users u
  where used.kind in ('passwordlessEmail', 'passwordReset') and u.id = used.user_id and p.user_id = u.id
    and not u.email_verified
),
void as (
  delete from brain.tickets t
  using person p
  where p.kind = 'emailConfirmChange' and t.user_id = p.id and t.ticket_hash <> $1::text
    and t.kind = any ($2::text[])
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
