select u.id, u.disabled, u.email_verified, u.is_anonymous
from auth.refresh_tokens t
join auth.users u on u.id = t.user_id
where t.refresh_token_hash = $1::text and t.type = 'pat' and t.expires_at > now()
