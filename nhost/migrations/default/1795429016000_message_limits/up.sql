-- The limits of messages and of what hangs on them, by the rows of `rule_limits`; and every refusal with its code. The
-- functions are as they were, but for what their comments say.

-- Besides: too long and empty are said by a code, and the sender's rate over all chats is counted. Its row is locked
-- before any chat, so that one person's messages to several chats queue here instead of waiting for each other.
create or replace function public.messages_as_person() returns trigger
language plpgsql as $$
declare
  person_id uuid := new.as_person;
  chat public.chats;
  source public.messages;
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
    if current_setting('brain.person', true) is distinct from person_id::text then
      perform public.spend(person_id, 'messages-per-minute-everywhere');
      -- The other rows of the statement are counted when they stand (below).
      kept := set_config('brain.person', person_id::text, true);
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

-- Besides: the statement's further messages count against the rate over all chats.
create or replace function public.messages_after_insert() returns trigger
language plpgsql as $$
declare
  counted record;
  person_id uuid := nullif(current_setting('brain.person', true), '')::uuid;
  kept text;
  sent integer;
  sent_everywhere integer := 0;
begin
  for counted in
    select n.chat_id, max(n.seq) as seq, max(n.change) as change, max(n.created_at) as created_at
    from new_messages n group by n.chat_id order by n.chat_id
  loop
    update public.chats c
    set
      last_seq = greatest(c.last_seq, counted.seq),
      last_change = greatest(c.last_change, counted.change),
      last_message_at = greatest(c.last_message_at, counted.created_at)
    where c.id = counted.chat_id;
  end loop;
  -- Who writes has read what stands before.
  for counted in
    select n.chat_id, n.sender_id, max(n.seq) as seq, count(*)::integer as messages
    from new_messages n where n.sender_id is not null
    group by n.chat_id, n.sender_id order by n.chat_id, n.sender_id
  loop
    if counted.sender_id = person_id then
      update public.chat_members m
      set
        last_read_seq = greatest(m.last_read_seq, counted.seq),
        sending_since = case
          when m.sending_since > clock_timestamp() - interval '1 minute' then m.sending_since
          else clock_timestamp()
        end,
        sent_count = counted.messages + case
          when m.sending_since > clock_timestamp() - interval '1 minute' then m.sent_count
          else 0
        end
      where m.chat_id = counted.chat_id and m.user_id = counted.sender_id
      returning m.sent_count into sent;
      if sent > public.limit_of('messages-per-minute') then
        perform public.refuse_beyond('messages-per-minute');
      end if;
      sent_everywhere := sent_everywhere + counted.messages;
    else
      update public.chat_members m set last_read_seq = counted.seq
      where m.chat_id = counted.chat_id and m.user_id = counted.sender_id and m.last_read_seq < counted.seq;
    end if;
  end loop;
  if person_id is not null then
    kept := set_config('brain.person', '', true);
    if sent_everywhere > 1 then
      perform public.spend(person_id, 'messages-per-minute-everywhere', sent_everywhere - 1);
    end if;
  end if;
  return null;
end
$$;

create or replace function public.messages_content() returns trigger
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
      perform public.refuse('message-deleted');
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
    perform public.refuse('reply-elsewhere');
  end if;
  return new;
end
$$;

create or replace function public.messages_number_update() returns trigger
language plpgsql as $$
declare
  counter bigint[];
  kept text;
begin
  -- A message whose name changed would be taken for a new one when it is sent again.
  if new.client_id is distinct from old.client_id then
    perform public.refuse('client-id-fixed');
  end if;
  if (new.id, new.chat_id, new.seq, new.sender_id, new.created_at)
    is distinct from (old.id, old.chat_id, old.seq, old.sender_id, old.created_at)
  then
    perform public.refuse('message-fixed');
  end if;
  -- An update that changes nothing keeps its number: sending again ends here. To count a change that is in
  -- another table, set `change` to null.
  if new is distinct from old then
    counter := public.lock_message_counter(new.chat_id);
    new.change := counter[3] + 1;
    kept := set_config('brain.counter', array[new.chat_id, counter[2], new.change]::text, true);
  end if;
  return new;
end
$$;

create or replace function public.messages_mentions() returns trigger
language plpgsql as $$
declare
  names text[];
  calls_all boolean;
  most integer;
begin
  if new.deleted_at is not null or new.sender_id is null then
    new.mentions := null;
    new.mentions_all := false;
    return new;
  end if;
  if tg_op = 'UPDATE' then
    if new.content is not distinct from old.content and new.mentions is not distinct from old.mentions then
      return new;
    end if;
    -- An edit says anew whom it means.
    if new.mentions is not distinct from old.mentions then
      new.mentions := null;
    end if;
  end if;
  if new.mentions is null and coalesce(strpos(new.content, '@'), 0) = 0 then
    new.mentions_all := false;
    return new;
  end if;

  most := public.limit_of('mentions-per-message');
  names := array(
    select distinct lower(hit[1])
    from regexp_matches(new.content, '(?:^|[^A-Za-z0-9_@])@([A-Za-z][A-Za-z0-9_]{2,31})\M', 'g') as hit
    limit most
  );
  calls_all := names && '{all,everyone}' or new.content ~* '(^|\W)@все\M';
  new.mentions_all := calls_all and exists (
    select from public.chats c
    join public.chat_members m on m.chat_id = c.id and m.user_id = new.sender_id and m.left_at is null
    where c.id = new.chat_id and (m.role <> 'member' or c.member_count <= public.limit_of('called-by-all'))
  );
  new.mentions := array(
    select m.user_id
    from (
      select named.id from unnest(new.mentions[1:most]) as named (id)
      union
      select s.user_id from unnest(names) as name join public.user_settings s on lower(s.username) = name
    ) meant
    join public.chat_members m on m.chat_id = new.chat_id and m.user_id = meant.id and m.left_at is null
    where m.user_id <> new.sender_id
    order by m.user_id
    limit most
  );
  if cardinality(new.mentions) = 0 then
    new.mentions := null;
  end if;
  return new;
end
$$;

create or replace function public.message_reactions_before_insert() returns trigger
language plpgsql as $$
declare
  message public.messages;
  chat public.chats;
begin
  select m.* into message from public.messages m where m.id = new.message_id for no key update;
  if not found or message.deleted_at is not null then
    perform public.refuse('no-such-message');
  end if;
  new.chat_id := message.chat_id;
  new.seq := message.seq;
  select c.* into chat from public.chats c where c.id = message.chat_id;
  if chat.type = 'direct' and public.are_blocked(chat.user_id, chat.peer_id) then
    perform public.refuse('blocked');
  end if;
  if not coalesce(message.reaction_counts, '{}') ? new.emoji
    and (select count(*) from jsonb_object_keys(message.reaction_counts))
      >= public.limit_of('reaction-kinds-per-message')
  then
    perform public.refuse_beyond('reaction-kinds-per-message');
  end if;
  return new;
end
$$;

create or replace function public.pinned_messages_before_insert() returns trigger
language plpgsql as $$
declare
  message public.messages;
begin
  select m.* into message from public.messages m where m.id = new.message_id for key share;
  if not found or message.deleted_at is not null then
    perform public.refuse('no-such-message');
  end if;
  new.chat_id := message.chat_id;
  new.seq := message.seq;
  perform from public.chats c where c.id = message.chat_id for no key update;
  if (
    select count(*) from public.pinned_messages p where p.chat_id = new.chat_id and p.message_id <> new.message_id
  ) >= public.limit_of('pins-per-chat') then
    perform public.refuse_beyond('pins-per-chat');
  end if;
  return new;
end
$$;

-- Besides: a reaction that somebody is just taking back is left to them. They hold its row and wait for the message,
-- which is held here: to wait for them would be a deadlock. They find the message deleted, and their row goes.
create or replace function public.messages_after_deletion() returns trigger
language plpgsql as $$
begin
  delete from public.message_reactions r
  where r.chat_id = new.chat_id and r.message_id = new.id and (r.user_id, r.emoji) in (
    select o.user_id, o.emoji from public.message_reactions o
    where o.chat_id = new.chat_id and o.message_id = new.id
    for update skip locked
  );
  delete from public.message_edits e where e.chat_id = new.chat_id and e.message_id = new.id;
  delete from public.pinned_messages p where p.chat_id = new.chat_id and p.message_id = new.id;
  return null;
end
$$;
