-- What people do to the membership of a chat. Each function locks the chat first, so that what it has checked still
-- holds when it writes, and so that all take their locks in the same order: chat, then member.

insert into public.rule_errors (code, message) values
  ('no-such-chat', 'There is no such chat, or you are not in it'),
  ('not-allowed', 'Your role in this chat does not allow this'),
  ('direct-chat', 'This cannot be done in a direct chat'),
  ('not-a-member', 'This person is not in the chat'),
  ('chat-full', 'The chat has as many members as its plan allows'),
  ('too-many-at-once', 'At most 100 people can be added at once'),
  ('unknown-role', 'A role is owner, admin or member'),
  ('hand-over-first', 'Hand the chat over to somebody before you leave it'),
  ('removed-from-chat', 'You were removed from this chat: only its administrators can bring you back');

-- Locks a group or channel and gives it, if the caller is in it with one of the roles.
create function public.lock_chat_as(chat_id bigint, caller_id uuid, roles text[]) returns public.chats
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  chat public.chats;
  caller_role text;
begin
  select c.* into chat from public.chats c where c.id = lock_chat_as.chat_id for no key update;
  select m.role into caller_role from public.chat_members m
  where m.chat_id = lock_chat_as.chat_id and m.user_id = caller_id and m.left_at is null;
  if not found then
    perform public.refuse('no-such-chat');
  end if;
  if chat.type = 'direct' then
    perform public.refuse('direct-chat');
  end if;
  if caller_role <> all (roles) then
    perform public.refuse('not-allowed');
  end if;
  return chat;
end
$$;

-- Whether so many more fit in, by the plan of the chat's owner. A chat of the administrator's has no owner and no limit.
create function public.check_chat_room(chat public.chats, more integer) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  owner_id uuid;
  plan public.plans;
begin
  select m.user_id into owner_id from public.chat_members m
  where m.chat_id = chat.id and m.role = 'owner' and m.left_at is null
  order by m.user_id limit 1;
  if not found then
    return;
  end if;
  plan := public.plan_of(owner_id);
  -- In parentheses: PL/pgSQL would end the condition at the first `then`.
  if chat.member_count + more
    > (case chat.type when 'channel' then plan.max_channel_members else plan.max_members end)
  then
    perform public.refuse('chat-full');
  end if;
end
$$;

create function public.add_members(chat_id bigint, user_ids uuid[], hasura_session json)
returns setof public.chat_members
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats := public.lock_chat_as(add_members.chat_id, caller_id, '{owner,admin}');
  wanted uuid[];
  person_id uuid;
begin
  if cardinality(user_ids) > 100 then
    perform public.refuse('too-many-at-once');
  end if;
  -- Who is in it already stays as they are.
  wanted := array(
    select distinct w.id from unnest(user_ids) as w (id)
    where not exists (
      select from public.chat_members m where m.chat_id = chat.id and m.user_id = w.id and m.left_at is null
    )
    order by w.id
  );
  foreach person_id in array wanted loop
    if not exists (select from public.people p where p.id = person_id) then
      perform public.refuse('no-such-person');
    end if;
    if public.are_blocked(caller_id, person_id) then
      perform public.refuse('blocked');
    end if;
    perform public.check_chat_count(person_id);
  end loop;
  perform public.check_chat_room(chat, cardinality(wanted));
  perform public.spend_attempt(caller_id, 'add_members', 60, interval '1 minute');

  insert into public.chat_members as m (chat_id, user_id)
  select chat.id, w.id from unnest(wanted) as w (id)
  on conflict on constraint chat_members_pkey do update set left_at = null;
  -- Of a channel's readers nobody is told one by one.
  if chat.type = 'group' and cardinality(wanted) > 0 then
    perform public.post_chat_event(chat.id, 'added', caller_id, jsonb_build_object('userIds', wanted));
  end if;
  return query
  select m.* from public.chat_members m where m.chat_id = chat.id and m.user_id = any (user_ids);
end
$$;

comment on function public.add_members is 'Adds people to a group or channel, by its owner or administrators; gives their memberships';

create function public.remove_member(chat_id bigint, user_id uuid, hasura_session json) returns public.chat_members
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats := public.lock_chat_as(remove_member.chat_id, caller_id, '{owner,admin}');
  caller_role text;
  removed public.chat_members;
begin
  select m.role into caller_role from public.chat_members m where m.chat_id = chat.id and m.user_id = caller_id;
  select m.* into removed from public.chat_members m
  where m.chat_id = chat.id and m.user_id = remove_member.user_id and m.left_at is null;
  if not found then
    perform public.refuse('not-a-member');
  end if;
  if removed.user_id = caller_id or removed.role = 'owner' or (caller_role = 'admin' and removed.role = 'admin') then
    perform public.refuse('not-allowed');
  end if;
  if chat.type = 'group' then
    perform public.post_chat_event(chat.id, 'removed', caller_id, jsonb_build_object('userIds', array[removed.user_id]));
  end if;
  update public.chat_members m set left_at = now(), removed_by = caller_id
  where m.chat_id = chat.id and m.user_id = removed.user_id
  returning m.* into removed;
  return removed;
end
$$;

comment on function public.remove_member is
  'Removes somebody: the owner anybody, an administrator plain members; who is removed sees nothing of the chat any more';

create function public.leave_chat(chat_id bigint, hasura_session json) returns public.chat_members
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats := public.lock_chat_as(leave_chat.chat_id, caller_id, '{owner,admin,member}');
  own public.chat_members;
begin
  select m.* into own from public.chat_members m where m.chat_id = chat.id and m.user_id = caller_id;
  if chat.member_count <= 1 then
    delete from public.chats c where c.id = chat.id;
    own.left_at := now();
    return own;
  end if;
  if own.role = 'owner' and not exists (
    select from public.chat_members m
    where m.chat_id = chat.id and m.role = 'owner' and m.left_at is null and m.user_id <> caller_id
  ) then
    perform public.refuse('hand-over-first');
  end if;
  if chat.type = 'group' then
    perform public.post_chat_event(chat.id, 'left', caller_id);
  end if;
  update public.chat_members m set left_at = now() where m.chat_id = chat.id and m.user_id = caller_id
  returning m.* into own;
  return own;
end
$$;

comment on function public.leave_chat is
  'Leaves a group or channel. An owner hands it over first; with the last one the chat ends';

create function public.set_member_role(chat_id bigint, user_id uuid, role text, hasura_session json)
returns public.chat_members
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  caller_id uuid := public.caller_of(hasura_session);
  chat public.chats := public.lock_chat_as(set_member_role.chat_id, caller_id, '{owner}');
  changed public.chat_members;
begin
  if set_member_role.role is null or set_member_role.role not in ('owner', 'admin', 'member') then
    perform public.refuse('unknown-role');
  end if;
  select m.* into changed from public.chat_members m
  where m.chat_id = chat.id and m.user_id = set_member_role.user_id and m.left_at is null;
  if not found then
    perform public.refuse('not-a-member');
  end if;
  -- Ownership is handed over, never dropped.
  if changed.user_id = caller_id then
    perform public.refuse('not-allowed');
  end if;
  if changed.role = set_member_role.role then
    return changed;
  end if;
  if set_member_role.role = 'owner' then
    update public.chat_members m set role = 'admin' where m.chat_id = chat.id and m.user_id = caller_id;
  end if;
  update public.chat_members m set role = set_member_role.role
  where m.chat_id = chat.id and m.user_id = changed.user_id
  returning m.* into changed;
  perform public.post_chat_event(
    chat.id, case changed.role when 'owner' then 'owner' else 'role' end, caller_id,
    jsonb_build_object('userIds', array[changed.user_id], 'role', changed.role)
  );
  return changed;
end
$$;

comment on function public.set_member_role is
  'Makes a member an administrator or an administrator a member, or hands the chat over (owner); by the owner';
