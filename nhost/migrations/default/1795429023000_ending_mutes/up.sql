-- Ending mutes by their index: every few seconds, it must not read all members. That an end before now is before
-- infinity, as the index says, the planner does not conclude by itself.

create or replace function public.sweep_mutes() returns setof public.chat_members
language sql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  update public.chat_members m set muted_until = null
  where (m.chat_id, m.user_id) in (
    select o.chat_id, o.user_id from public.chat_members o
    where o.muted_until < now() and o.muted_until < 'infinity'
    order by o.muted_until limit 1000 for update skip locked
  )
  returning m.*;
$$;
