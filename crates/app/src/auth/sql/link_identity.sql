-- The person $3 of the service $2 belongs to the account $1 from now on. Their tokens are not kept: Nhost Auth's
-- column must have some text.
-- No row: they belong to another account, or the account has somebody else of that service.
insert into auth.user_providers as p (user_id, provider_id, provider_user_id, access_token)
select u.id, $2::text, $3::text, ''
from auth.users u
where u.id = $1 and not u.disabled and not u.is_anonymous
on conflict (provider_id, provider_user_id) do update
set updated_at = now()
where p.user_id = excluded.user_id
returning id
