-- Uses up the step of time $2 of the person $1 and the ticket $3, where there is one: of several at once, one.
with step as (
  update brain.totp set last_step = $2::bigint, tries = 0
  where user_id = $1 and last_step < $2::bigint
  returning user_id
),
ticket as (
  delete from brain.tickets t
  using step s
  where t.ticket_hash = $3::text and t.user_id = s.user_id
  returning t.user_id
)
select s.user_id
from step s
where $3::text is null or exists (select from ticket)
