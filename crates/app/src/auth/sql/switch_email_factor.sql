-- Switches the code in a letter at each sign-in on ($2) or off for the person $1. Off, their recovery codes go.
with codes as (
  delete from brain.recovery_codes where user_id = $1 and not $2::boolean
),
off as (
  delete from brain.email_factors where user_id = $1 and not $2::boolean
)
insert into brain.email_factors (user_id)
select u.id
from auth.users u
where u.id = $1 and $2::boolean and u.email_verified and not u.disabled and u.active_mfa_type is null
on conflict do nothing
