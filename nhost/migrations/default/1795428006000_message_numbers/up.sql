-- How messages get their numbers: `seq` and `change` count without a gap, in the order of commits, at the
-- cost of one update of the chat per statement (updating it per row would be quadratic in a bulk insert).
--
-- Who counts holds the chat's row lock until its transaction ends, so nobody else counts meanwhile. Between
-- the rows of a statement the counts live in one transaction-local setting, `brain.counter`: an array
-- {chat, seq, change} of the last chat alone. A second chat in the same transaction takes its place, and who
-- comes back to the first reads its counts from the rows again. A rolled back savepoint takes back lock,
-- rows and setting together. One setting and no more: a pooled session keeps the name of every setting it has seen.
--
-- Lock order: message, then chat, then member. Who inserts into several chats at once should sort by chat.
--
-- The plans below are made once a session, perhaps on an empty table, and serve a bulk insert to its last row.
-- So each query is written for one index, and the alternatives are switched off: what is only slower on
-- ten rows is quadratic on a million.

-- Where the counting in a chat stands, as {chat, seq, change}. The chat is locked from here on.
create function public.lock_message_counter(wanted_chat_id bigint) returns bigint[]
language plpgsql
set enable_sort = off
as $$
declare
  counter bigint[] := nullif(current_setting('brain.counter', true), '')::bigint[];
  row_seq bigint;
  row_change bigint;
begin
  if counter[1] = wanted_chat_id then
    return counter;
  end if;
  select array[c.id, c.last_seq, c.last_change] into counter
  from public.chats c where c.id = wanted_chat_id
  for no key update;
  if not found then
    -- The foreign key says so.
    return array[wanted_chat_id, 0, 0];
  end if;
  -- Statements of their own, hence with snapshots from after the wait. The rows know better than the chat
  -- where this statement itself has counted in it before, or where its numbers should ever have fallen behind.
  select m.seq into row_seq from public.messages m
  where m.chat_id = wanted_chat_id order by m.seq desc limit 1;
  select m.change into row_change from public.messages m
  where m.chat_id = wanted_chat_id order by m.change desc limit 1;
  return array[wanted_chat_id, greatest(counter[2], row_seq), greatest(counter[3], row_change)];
end
$$;

create function public.messages_number_insert() returns trigger
language plpgsql
set enable_seqscan = off
as $$
declare
  counter bigint[] := nullif(current_setting('brain.counter', true), '')::bigint[];
  locked boolean := coalesce(counter[1] = new.chat_id, false);
  sent record;
  kept text;
begin
  -- Was it sent before? Asked first without the chat's lock, so that sending again waits for nobody, and then with
  -- it, when nothing can come in between.
  loop
    if new.client_id is not null and new.sender_id is not null then
      select m.id, m.seq, m.change, m.created_at into sent
      from public.messages m
      where m.sender_id = new.sender_id and m.client_id = new.client_id
        -- Not `=`, which indexes that begin with the chat would answer to.
        and m.chat_id is not distinct from new.chat_id;
      if found then
        if locked then
          -- The conflict that follows locks the first row, whose editor may be waiting for the chat, which we have.
          -- To wait for each other would be a deadlock; the next try finds the first row before it locks the chat.
          perform from public.messages m where m.id = sent.id for update skip locked;
          if not found then
            raise exception 'The message is being changed: send it again' using errcode = '40001';
          end if;
        end if;
        -- The first row's numbers, not new ones. Should that row be removed meanwhile, this one takes its place.
        new.seq := sent.seq;
        new.change := sent.change;
        new.created_at := sent.created_at;
        return new;
      end if;
    end if;
    exit when locked;
    counter := public.lock_message_counter(new.chat_id);
    locked := true;
  end loop;

  new.seq := coalesce(new.seq, counter[2] + 1);
  new.change := coalesce(new.change, counter[3] + 1);
  new.created_at := coalesce(new.created_at, clock_timestamp());
  counter := array[new.chat_id, greatest(counter[2], new.seq), greatest(counter[3], new.change)];
  -- An assignment is cheaper than `perform`, by a query.
  kept := set_config('brain.counter', counter::text, true);
  return new;
end
$$;

create trigger messages_number_insert
before insert on public.messages
for each row execute function public.messages_number_insert();

create function public.messages_number_update() returns trigger
language plpgsql as $$
declare
  counter bigint[];
  kept text;
begin
  -- A message whose name changed would be taken for a new one when it is sent again.
  if new.client_id is distinct from old.client_id then
    raise exception 'The clientId of a message cannot be changed' using errcode = '23000';
  end if;
  if (new.id, new.chat_id, new.seq, new.sender_id, new.created_at)
    is distinct from (old.id, old.chat_id, old.seq, old.sender_id, old.created_at)
  then
    raise exception 'The id, chat, place, sender and time of a message cannot be changed' using errcode = '23000';
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

create trigger messages_number_update
before update on public.messages
for each row execute function public.messages_number_update();

-- The chat's state follows the rows, once per statement. In loops, not joins: the plan of a join is made for
-- the number of rows of a session's first statement, and kept for all that follow.
create function public.messages_after_insert() returns trigger
language plpgsql as $$
declare
  counted record;
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
    select n.chat_id, n.sender_id, max(n.seq) as seq
    from new_messages n where n.sender_id is not null
    group by n.chat_id, n.sender_id order by n.chat_id, n.sender_id
  loop
    update public.chat_members m set last_read_seq = counted.seq
    where m.chat_id = counted.chat_id and m.user_id = counted.sender_id and m.last_read_seq < counted.seq;
  end loop;
  return null;
end
$$;

create trigger messages_after_insert
after insert on public.messages
referencing new table as new_messages
for each statement execute function public.messages_after_insert();

-- As the owner: when Nhost Storage deletes a file, the foreign key empties `file_id` as the owner of the messages,
-- but what follows the statement runs as Nhost Storage, which has no right to our tables.
create function public.messages_after_update() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  counted record;
begin
  for counted in
    select n.chat_id, max(n.change) as change from new_messages n group by n.chat_id order by n.chat_id
  loop
    update public.chats c set last_change = counted.change
    where c.id = counted.chat_id and c.last_change < counted.change;
  end loop;
  return null;
end
$$;

create trigger messages_after_update
after update on public.messages
referencing new table as new_messages
for each statement execute function public.messages_after_update();
