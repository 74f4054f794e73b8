-- `make_scene(role)`: new people and chats around one caller, who is to the group and the channel what the role says,
-- and the names of all of it. Run as the administrator.
create schema matrix;
create function matrix.person(title text, is_anonymous boolean default false) returns uuid language sql as $$
  with person as (
    insert into auth.users (display_name, email, locale, is_anonymous)
    values (title || ' ' || gen_random_uuid(), gen_random_uuid() || '@example.org', 'en', $2) returning id
  )
  insert into auth.refresh_tokens (id, user_id, expires_at) select id, id, now() + interval '1 hour' from person returning user_id
$$;
create function matrix.message(chat bigint, sender uuid, words text, age interval default '0', file uuid default null) returns bigint language sql as $$
  insert into public.messages (chat_id, sender_id, client_id, content, created_at, file_id)
  values (chat, sender, gen_random_uuid(), words, now() - age, file) returning id
$$;
-- The owner, an administrator and a member are there in any case; the caller besides, as the role says.
create function matrix.chat(kind text, is_open boolean, owner uuid, admin uuid, member uuid, caller uuid, role text) returns bigint language plpgsql as $$
declare
  chat bigint;
begin
  insert into public.chats (type, name, user_id, is_public) values (kind, 'Chat ' || gen_random_uuid(), owner, is_open) returning id into chat;
  insert into public.chat_members (chat_id, user_id, role)
  select chat, who.id, who.role from (values (admin, 'admin'), (member, 'member')) as who (id, role);
  if role in ('member', 'admin', 'left', 'removed') then
    insert into public.chat_members (chat_id, user_id, role)
    values (chat, caller, case role when 'admin' then 'admin' else 'member' end);
  end if;
  return chat;
end
$$;
create function matrix.make_scene(role text) returns json language plpgsql as $$
#variable_conflict use_variable
declare
  owner uuid := matrix.person('Owner'); admin uuid := matrix.person('Admin'); member uuid := matrix.person('Member');
  other uuid := matrix.person('Other');
  caller uuid := case when role = 'owner' then owner else matrix.person('Caller', role = 'anonymous') end;
  team bigint := matrix.chat('group', false, owner, admin, member, caller, role);
  news bigint := matrix.chat('channel', false, owner, admin, member, caller, role);
  open bigint := matrix.chat('group', true, owner, admin, member, caller, role);
  direct bigint; invite text; file uuid; theirs bigint; own bigint; old bigint; process uuid := gen_random_uuid();
  pinned bigint; hers uuid; loose uuid; saved bigint; nuisance uuid := matrix.person('Nuisance'); wary uuid := matrix.person('Wary'); since text;
begin
  select c.cursor into since from public.my_changes(null, json_build_object('x-hasura-user-id', owner)) c;
  insert into storage.files (bucket_id, name, is_uploaded, uploaded_by_user_id) values ('messages', 'a.jpg', true, owner) returning id into file;
  insert into public.file_details (file_id, kind, name, mime_type, size) values (file, 'picture', 'a.jpg', 'image/jpeg', 1);
  theirs := matrix.message(team, member, 'findable hello', '1 hour', file);
  pinned := matrix.message(team, admin, 'first', '1 hour');
  update public.messages set content = 'edited' where id = pinned;
  old := matrix.message(team, caller, 'old', '49 hours');
  own := matrix.message(team, caller, 'own', '1 minute');
  insert into public.message_reactions (message_id, user_id, emoji) values (theirs, owner, '+'), (theirs, caller, '-');
  insert into public.message_mentions (chat_id, message_id, user_id, seq) values (team, theirs, admin, 1);
  insert into public.pinned_messages (message_id) values (pinned);
  insert into public.typing (chat_id, user_id, expires_at) values (team, admin, now() + interval '1 minute');
  insert into public.chat_invites (chat_id, created_by) values (team, owner) returning code into invite;
  update public.chat_members set last_read_seq = 9 where chat_id = team;
  insert into public.presence_processes values (process, now() + interval '1 hour');
  insert into public.presence (user_id, process_id) values (owner, process);
  -- What everybody has of their own: a place for saved messages, a draft, a contact, a block, settings, a file.
  insert into public.chats (type, user_id, peer_id) values ('direct', caller, caller) returning id into saved;
  insert into public.drafts (user_id, chat_id, content) values (caller, team, 'half a'), (member, team, 'theirs');
  insert into public.contacts (user_id, contact_id) values (caller, other), (member, other);
  insert into public.blocks (user_id, blocked_id) values (caller, nuisance), (wary, caller);
  insert into public.user_settings (user_id, locale) values (caller, 'en'), (member, 'en');
  insert into storage.files (bucket_id, name, is_uploaded, uploaded_by_user_id) values ('messages', 'b.jpg', true, caller) returning id into hers;
  insert into storage.files (name, is_uploaded, uploaded_by_user_id) values ('d.txt', true, caller) returning id into loose;
  if role not in ('stranger', 'anonymous', 'owner') then
    insert into public.chats (type, user_id, peer_id) values ('direct', caller, owner) returning id into direct;
  elsif role = 'owner' then
    insert into public.chats (type, user_id, peer_id) values ('direct', owner, other) returning id into direct;
  else
    insert into public.chats (type, user_id, peer_id) values ('direct', other, owner) returning id into direct;
  end if;
  if role = 'blocked' then
    insert into public.blocks (user_id, blocked_id) values (owner, caller);
  end if;
  if role in ('left', 'removed') then
    update public.chat_members set left_at = now(), removed_by = case role when 'removed' then owner end
    where user_id = caller and chat_id in (team, news, open);
  end if;
  return json_build_object(
    'caller', caller, 'owner', owner, 'admin', admin, 'member', member, 'other', other, 'team', team, 'news', news,
    'open', open, 'direct', direct, 'invite', invite, 'file', file, 'hers', hers, 'loose', loose, 'theirs', theirs, 'own', own, 'old', old,
    'pinned', pinned, 'saved', saved, 'nuisance', nuisance, 'wary', wary, 'since', since, 'others', array[other]::text,
    'email', (select u.email from auth.users u where u.id = other),
    'publicName', (select c.name from public.chats c where c.id = open)
  );
end
$$;
