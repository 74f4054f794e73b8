-- A new password ($3) for the person $1, or for the one whose ticket ($2, its digest) this uses up. Where $4
-- says so, it ends their sessions but $5; tickets and links that are out end in any case.
-- No row: the ticket is unknown, used or expired, or the person is shut out.
with used as (
  delete from brain.tickets
  where ticket_hash = $2::text and kind = 'passwordReset' and expires_at > now()
  returning user_id
),
person as (
  update auth.users u
  set password_hash = $3::text
  where u.id in (select $1::uuid union all select user_id from used) and not u.disabled
  returning u.id
),
ended as (
  delete from auth.refresh_tokens t
  using person p
  where t.user_id = p.id and $4::boolean and t.id is distinct from $5::uuid
),
void as (
  delete from brain.tickets t
  using person p
  where t.user_id = p.id and t.ticket_hash is distinct from $2::text and t.kind <> 'verifyEmail'
)
select id from person
