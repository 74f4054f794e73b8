-- A personal access token ($2, its hash) of a person ($1), good until $3 (seconds since 1970).
-- No row: the person is disabled or gone.
insert into auth.refresh_tokens (user_id, refresh_token_hash, expires_at, type, metadata)
select u.id, $2::text, to_timestamp($3::float8), 'pat', $4::jsonb
from auth.users u
where u.id = $1 and not u.disabled
returning id
