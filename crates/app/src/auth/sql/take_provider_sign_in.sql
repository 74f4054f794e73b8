-- Uses up the sign-in with the service $2 whose state has the digest $1, for the browser with the digest $3.
-- No row: it is unknown, used, expired, or another browser's.
delete from brain.provider_sign_ins
where state_hash = $1::text and provider = $2::text and browser_hash = $3::text and expires_at > now()
returning nonce, verifier, options, user_id, session_id
