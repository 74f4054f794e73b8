-- Forgives the tries of the person $1, whose code was right, and uses up the ticket $2, where there is one.
-- No row: the ticket was used meanwhile.
with ticket as (
  delete from brain.tickets
  where ticket_hash = $2::text and user_id = $1
  returning user_id
)
update brain.totp t
set tries = 0
where t.user_id = $1 and ($2::text is null or exists (select from ticket))
returning t.user_id
