-- An account that goes takes its memberships along. An owner is followed by the oldest administrator, else by the
-- oldest member, and the chat is told; one that nobody is left in ends. As the owner: Nhost Auth, which deletes the
-- account, has no right to our tables.
create or replace function public.chat_members_after_delete() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  gone record;
  heir_id uuid;
  chat public.chats;
begin
  for gone in
    select o.chat_id, count(*)::integer as members, bool_or(o.role = 'owner') as owned
    from old_members o where o.left_at is null group by o.chat_id order by o.chat_id
  loop
    update public.chats c set member_count = c.member_count - gone.members where c.id = gone.chat_id
    returning c.* into chat;
    -- Not found: the chat itself is going.
    if found and chat.member_count <= 0 then
      delete from public.chats c where c.id = gone.chat_id;
    elsif found and gone.owned and not exists (
      select from public.chat_members m where m.chat_id = gone.chat_id and m.role = 'owner' and m.left_at is null
    ) then
      update public.chat_members m set role = 'owner'
      where m.chat_id = gone.chat_id and m.user_id = (
        select h.user_id from public.chat_members h
        where h.chat_id = gone.chat_id and h.left_at is null
        order by (h.role = 'admin') desc, h.joined_at, h.user_id limit 1
      )
      returning m.user_id into heir_id;
      -- By nobody: who did it is gone.
      perform public.post_chat_event(
        gone.chat_id, 'owner', null, jsonb_build_object('userIds', array[heir_id], 'role', 'owner')
      );
    end if;
  end loop;
  return null;
end
$$;
