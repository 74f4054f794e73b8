-- A security key ($2, its credential; $3, what it is reached by; $4, its name; $5, how it is verified) of the person
-- $1, who has at most $6.
-- No row: somebody has it already, the person has too many, or is shut out.
with fresh as (
  insert into auth.user_security_keys (user_id, credential_id, transports, nickname)
  select u.id, $2::text, $3::text, $4::text
  from auth.users u
  where u.id = $1 and not u.disabled
    and (select count(*) from brain.passkeys p where p.user_id = u.id) < $6::bigint
  on conflict do nothing
  returning id, user_id
)
insert into brain.passkeys (security_key_id, user_id, passkey)
select f.id, f.user_id, $5::jsonb from fresh f
returning security_key_id as id
