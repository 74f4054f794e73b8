-- A refresh token is known after its session has ended, too, however that ended: by whoever deletes its row.
alter table brain.spent_refresh_tokens
  drop constraint spent_refresh_tokens_refresh_token_id_fkey,
  add column user_id uuid;
-- It served the constraint alone.
drop index brain.spent_refresh_tokens_refresh_token_id_idx;
update brain.spent_refresh_tokens s
set user_id = t.user_id
from auth.refresh_tokens t
where t.id = s.refresh_token_id;
comment on table brain.spent_refresh_tokens is
  'Refresh tokens after their use or the end of their session, by the hash of each, with the session that they were of. '
  'Swept after a month.';

create function brain.remember_ended_session() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into brain.spent_refresh_tokens (refresh_token_hash, refresh_token_id, user_id)
  values (old.refresh_token_hash, old.id, old.user_id)
  on conflict do nothing;
  return null;
end;
$$;

create trigger remember_ended_session
after delete on auth.refresh_tokens
for each row
when (old.type = 'regular' and old.expires_at > now())
execute function brain.remember_ended_session();

-- Who links a service to their account does so while their session lasts.
alter table brain.provider_sign_ins add column session_id uuid;
