-- Switches the second factor of the person $1 on ($2) or off. Off, its secret and recovery codes go.
with codes as (
  delete from brain.recovery_codes where user_id = $1 and not $2::boolean
)
update auth.users
set
  active_mfa_type = case when $2::boolean then 'totp' end,
  totp_secret = case when $2::boolean then totp_secret end
where id = $1 and not disabled
