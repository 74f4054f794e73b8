-- Messages of several people may come in one statement: the engine lets requests that arrive together share one. Each
-- sender's rate is counted as before. The functions are as they were, but for who is counted and when.
--
-- Lock order: message, then chat, then member, then the sender's rate over all chats, each in the order of its ids. (It
-- was the rate first. Of several people's messages to several chats, some would then have waited for a person's rate
-- while holding a chat for which that person waits.)

create or replace function public.messages_as_person() returns trigger
language plpgsql as $$
declare
  person_id uuid := new.as_person;
  chat public.chats;
  source public.messages;
  people uuid[] := nullif(current_setting('brain.people', true), '')::uuid[];
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
    -- Counted when the rows stand (below).
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

create or replace function public.messages_after_insert() returns trigger
language plpgsql as $$
declare
  counted record;
  people uuid[] := nullif(current_setting('brain.people', true), '')::uuid[];
  kept text;
  sent integer;
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
    if counted.sender_id = any (people) then
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
    else
      update public.chat_members m set last_read_seq = counted.seq
      where m.chat_id = counted.chat_id and m.user_id = counted.sender_id and m.last_read_seq < counted.seq;
    end if;
  end loop;
  if people is not null then
    kept := set_config('brain.people', '', true);
    -- Who sent a message again has tried once.
    for counted in
      select person.id, greatest(count(n.sender_id), 1)::integer as messages
      from unnest(people) as person (id) left join new_messages n on n.sender_id = person.id
      group by person.id order by person.id
    loop
      perform public.spend(counted.id, 'messages-per-minute-everywhere', counted.messages);
    end loop;
  end if;
  return null;
end
$$;
