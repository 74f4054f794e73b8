-- What PostGraphile is given to stand on: a role that reads by row-level security, with the same rules of membership
-- as in the project's permissions, and a function that sends. The tables' owner, as whom all others
-- come, is not bound by the policies.

create role bench_person nologin;
grant bench_person to current_user;
grant usage on schema public, bench to bench_person;

create function bench.me() returns uuid stable language sql
return nullif(current_setting('jwt.claims.user_id', true), '')::uuid;

grant select on public.chat_members, public.chats, public.messages, public.people to bench_person;

alter table public.chat_members enable row level security;
create policy own on public.chat_members for select to bench_person
using (user_id = (select bench.me()) and left_at is null);

-- An array, found once for each statement: the primary key then leads to the chats.
alter table public.chats enable row level security;
create policy member on public.chats for select to bench_person
using (id = any (array(
  select m.chat_id from public.chat_members m where m.user_id = (select bench.me()) and m.left_at is null
)));

alter table public.messages enable row level security;
create policy member on public.messages for select to bench_person
using (exists (
  select from public.chat_members m
  where m.chat_id = messages.chat_id and m.user_id = (select bench.me()) and m.left_at is null
    and m.first_seq <= messages.seq
));

create schema bench_api;
grant usage on schema bench_api to bench_person;

-- As the owner: the triggers of messages write what people may not.
create function bench_api.send_message(chat_id bigint, client_id uuid, content text) returns public.messages
volatile language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := bench.me();
  sent public.messages;
begin
  if not exists (
    select from public.chat_members m
    join public.chats c on c.id = m.chat_id
    where m.chat_id = send_message.chat_id and m.user_id = caller_id and m.left_at is null
      and (c.type <> 'channel' or m.role in ('owner', 'admin'))
  ) then
    raise exception 'You are not in this chat' using errcode = '42501';
  end if;
  insert into public.messages (chat_id, sender_id, client_id, content, as_person)
  values (send_message.chat_id, caller_id, send_message.client_id, send_message.content, caller_id)
  on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id
  returning * into sent;
  return sent;
end
$$;

revoke execute on function bench_api.send_message from public;
grant execute on function bench_api.send_message to bench_person;
