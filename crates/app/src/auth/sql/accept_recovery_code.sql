-- Uses up a recovery code ($2, its HMAC) of the person $1 and the ticket $3, where there is one.
with code as (
  delete from brain.recovery_codes
  where user_id = $1 and code_mac = $2::bytea
  returning user_id
),
ticket as (
  delete from brain.tickets t
  using code c
  where t.ticket_hash = $3::text and t.user_id = c.user_id
  returning t.user_id
)
select c.user_id
from code c
where $3::text is null or exists (select from ticket)
