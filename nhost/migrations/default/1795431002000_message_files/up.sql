-- Which files a message of a person may carry: their own that were uploaded for messages, and whatever they can read.
--
-- Lock order: file, message, chat, member. Whoever deletes a file has locked it before the chats of its messages.

insert into public.rule_errors (code, message) values
  ('no-such-file', 'There is no such file'),
  ('file-elsewhere', 'Only files that were uploaded for messages can be sent'),
  ('file-not-ready', 'The file is not uploaded yet');

-- The code by which a file is refused; null: it may be sent. The file is locked until the message stands, so that nobody
-- removes it meanwhile. Who can read a file is said once more in the permissions of `storage.files`.
create function public.attachment_refusal(file_id uuid, user_id uuid) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  file storage.files;
begin
  select f.* into file from storage.files f where f.id = attachment_refusal.file_id for key share;
  if not coalesce(file.uploaded_by_user_id = attachment_refusal.user_id and file.bucket_id = 'messages', false)
    and not exists (
      select from public.message_readers r where r.file_id = file.id and r.user_id = attachment_refusal.user_id
    )
    and not exists (
      select from public.chats c
      where c.avatar_file_id = file.id and (c.is_public or exists (
        select from public.chat_members m
        where m.chat_id = c.id and m.user_id = attachment_refusal.user_id and m.left_at is null
      ))
    )
  then
    return case when file.uploaded_by_user_id = attachment_refusal.user_id then 'file-elsewhere' else 'no-such-file' end;
  end if;
  return case when file.is_uploaded then null else 'file-not-ready' end;
end
$$;

-- As it was, and what a message carries is looked at. Of a forward the permissions say whether the person can read it; to
-- say more of one that they cannot read would tell whether it has a file.
create or replace function public.messages_as_person() returns trigger
language plpgsql as $$
declare
  person_id uuid := new.as_person;
  chat public.chats;
  source public.messages;
  people uuid[] := nullif(current_setting('brain.people', true), '')::uuid[];
  refusal text;
  kept text;
begin
  new.as_person := null;
  if new.forwarded_from_id is not null and tg_op = 'INSERT' then
    select m.* into source from public.messages m where m.id = new.forwarded_from_id;
    new.forwarded_sender_id := coalesce(source.forwarded_sender_id, source.sender_id);
    -- Nobody puts words into the mouth of another.
    if person_id is not null then
      new.content := source.content;
      new.file_id := source.file_id;
    end if;
  end if;
  if person_id is null then
    return new;
  end if;

  if tg_op = 'UPDATE' and new.content is not distinct from old.content then
    return new;
  end if;
  if char_length(new.content) > public.limit_of('message-characters') then
    perform public.refuse_beyond('message-characters');
  end if;
  if coalesce(btrim(new.content, E' \t\r\n'), '') = '' and new.file_id is null then
    perform public.refuse('message-empty');
  end if;
  if tg_op = 'INSERT' then
    if new.file_id is not null then
      refusal := public.attachment_refusal(new.file_id, person_id);
      -- Sent again, the first message comes back, whatever has become of its file.
      if refusal is not null and new.forwarded_from_id is null and not exists (
        select from public.messages m
        where m.sender_id = new.sender_id and m.client_id = new.client_id and m.chat_id = new.chat_id
      ) then
        perform public.refuse(refusal);
      end if;
    end if;
    -- Counted when the rows stand (`messages_after_insert`).
    if people is null or person_id <> all (people) then
      kept := set_config('brain.people', (people || person_id)::text, true);
    end if;
  else
    if old.created_at < now() - make_interval(hours => public.limit_of('edit-hours')) then
      perform public.refuse_beyond('edit-hours');
    end if;
    if (select count(*) from public.message_edits e where e.chat_id = new.chat_id and e.message_id = new.id)
      >= public.limit_of('edits-per-message')
    then
      perform public.refuse_beyond('edits-per-message');
    end if;
  end if;

  select c.* into chat from public.chats c where c.id = new.chat_id;
  if chat.type = 'direct' and public.are_blocked(chat.user_id, chat.peer_id) then
    perform public.refuse('blocked');
  end if;
  return new;
end
$$;
