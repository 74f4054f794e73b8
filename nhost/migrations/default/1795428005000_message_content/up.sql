-- What a message may carry, for every writer. Runs before the numbering, as triggers run by name: an update
-- that comes to nothing here is then seen to change nothing.

create function public.chat_of_message(message_id bigint) returns bigint
language plpgsql stable
-- The plan may be made on an empty table, and serve a bulk insert to its last row.
set enable_seqscan = off
as $$
begin
  return (select m.chat_id from public.messages m where m.id = message_id);
end
$$;

create function public.messages_content() returns trigger
language plpgsql as $$
begin
  -- Blank text is no text, so that "has content" means something to read.
  if btrim(new.content, E' \t\r\n') = '' then
    new.content := null;
  end if;
  if new.file_id is not null then
    new.file_url := '/v1/files/' || new.file_id;
  end if;

  if new.deleted_at is not null then
    if new.content is not null and tg_op = 'UPDATE' and old.deleted_at is not null then
      raise exception 'A deleted message cannot be edited' using errcode = '23000';
    end if;
    -- Deleted is gone: what was said is not kept behind a flag.
    new.content := null;
    new.file_id := null;
    new.file_url := null;
    new.reply_to_id := null;
    new.forwarded_from_id := null;
  elsif tg_op = 'UPDATE'
    and new.content is distinct from old.content
    -- The administrator may give the time (restoring).
    and new.edited_at is not distinct from old.edited_at
  then
    new.edited_at := now();
  end if;

  -- An answer across chats would show a message to people who may not read it.
  if new.reply_to_id is not null
    and (tg_op = 'INSERT' or new.reply_to_id is distinct from old.reply_to_id)
    and new.chat_id is distinct from public.chat_of_message(new.reply_to_id)
  then
    raise exception 'A reply must be to a message of the same chat' using errcode = '23000';
  end if;
  return new;
end
$$;

create trigger messages_content
before insert or update on public.messages
for each row execute function public.messages_content();
