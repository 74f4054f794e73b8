-- The security key with the credential $1, and who has it.
select k.id as key_id, p.passkey, u.id, u.disabled, u.email_verified, u.is_anonymous
from auth.user_security_keys k
join brain.passkeys p on p.security_key_id = k.id
join auth.users u on u.id = k.user_id
where k.credential_id = $1::text
