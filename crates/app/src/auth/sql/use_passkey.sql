-- The security key $1 has answered: its counter ($2) and what else has changed of it ($3).
with counted as (
  update auth.user_security_keys set counter = $2::bigint where id = $1
)
update brain.passkeys set passkey = $3::jsonb where security_key_id = $1
