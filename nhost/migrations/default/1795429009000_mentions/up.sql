-- Who is meant: the people whom the sender's client names in `mentions`, those behind an `@username` in the text, and
-- all by `@all`. A mention is a row for each person named, fifty at most, and none for those whom `@all` means.

alter table public.messages
  add column mentions uuid[],
  add column mentions_all boolean not null default false;

comment on column public.messages.mentions is 'The members whom the message names';
comment on column public.messages.mentions_all is 'Whether it calls all members';

alter table public.chat_members
  add column unread_mentions integer not null default 0;

comment on column public.chat_members.unread_mentions is 'How many messages beyond the read mark name the person';

create table public.message_mentions (
  chat_id bigint not null,
  message_id bigint not null,
  user_id uuid not null,
  seq bigint not null,
  constraint message_mentions_pkey primary key (chat_id, message_id, user_id),
  constraint message_mentions_message_id_fkey
    foreign key (message_id) references public.messages (id) on delete cascade,
  constraint message_mentions_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
);

comment on table public.message_mentions is 'Which message names whom';

create index message_mentions_message_id_idx on public.message_mentions (message_id);
create index message_mentions_user_id_idx on public.message_mentions (user_id, chat_id, seq);

-- "Unread calls to all": few rows, hence few entries.
create index messages_mentions_all_idx on public.messages (chat_id, seq) where mentions_all;

-- Between the content and the numbers: names decide.
create function public.messages_mentions() returns trigger
language plpgsql as $$
declare
  names text[];
  calls_all boolean;
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

  names := array(
    select distinct lower(hit[1])
    from regexp_matches(new.content, '(?:^|[^A-Za-z0-9_@])@([A-Za-z][A-Za-z0-9_]{2,31})\M', 'g') as hit
    limit 50
  );
  calls_all := names && '{all,everyone}' or new.content ~* '(^|\W)@все\M';
  new.mentions_all := calls_all and exists (
    select from public.chats c
    join public.chat_members m on m.chat_id = c.id and m.user_id = new.sender_id and m.left_at is null
    where c.id = new.chat_id and (m.role <> 'member' or c.member_count <= 100)
  );
  new.mentions := array(
    select m.user_id
    from (
      select named.id from unnest(new.mentions[1:50]) as named (id)
      union
      select s.user_id from unnest(names) as name join public.user_settings s on lower(s.username) = name
    ) meant
    join public.chat_members m on m.chat_id = new.chat_id and m.user_id = meant.id and m.left_at is null
    where m.user_id <> new.sender_id
    order by m.user_id
    limit 50
  );
  if cardinality(new.mentions) = 0 then
    new.mentions := null;
  end if;
  return new;
end
$$;

create trigger messages_mentions
before insert or update on public.messages
for each row execute function public.messages_mentions();

create function public.messages_after_mentions() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from public.message_mentions x
    where x.chat_id = new.chat_id and x.message_id = new.id and x.user_id <> all (coalesce(new.mentions, '{}'));
  end if;
  -- In the order of people, for whose rows others may wait.
  insert into public.message_mentions (chat_id, message_id, user_id, seq)
  select new.chat_id, new.id, person.id, new.seq from unnest(new.mentions) as person (id) order by person.id
  on conflict on constraint message_mentions_pkey do nothing;
  return null;
end
$$;

create trigger messages_after_mentions_insert
after insert on public.messages
for each row when (new.mentions is not null)
execute function public.messages_after_mentions();

create trigger messages_after_mentions_update
after update on public.messages
for each row when (old.mentions is distinct from new.mentions)
execute function public.messages_after_mentions();

-- As the owner: an account that Nhost Auth deletes takes its mentions along.
create function public.message_mentions_count() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    update public.chat_members m set unread_mentions = m.unread_mentions + 1
    where m.chat_id = new.chat_id and m.user_id = new.user_id and m.last_read_seq < new.seq;
  else
    update public.chat_members m set unread_mentions = m.unread_mentions - 1
    where m.chat_id = old.chat_id and m.user_id = old.user_id and m.last_read_seq < old.seq and m.unread_mentions > 0;
  end if;
  return null;
end
$$;

create trigger message_mentions_count
after insert or delete on public.message_mentions
for each row execute function public.message_mentions_count();

-- As it was, and what is read is no longer counted. The rows of those mentions alone are looked at that are unread.
create or replace function public.chat_members_before_update() returns trigger
language plpgsql as $$
declare
  chat public.chats;
begin
  if old.left_at is not null and new.left_at is null then
    -- Joining again is joining: what came in between does not count as unread, nor is it seen where others who join
    -- would not see it.
    select c.* into chat from public.chats c where c.id = new.chat_id;
    new.joined_at := now();
    new.last_read_seq := chat.last_seq;
    new.unread_mentions := 0;
    new.removed_by := null;
    new.first_seq := case when chat.shows_history then 1 else chat.last_seq + 1 end;
  elsif new.last_read_seq > old.last_read_seq then
    select c.* into chat from public.chats c where c.id = new.chat_id;
    new.last_read_seq := greatest(old.last_read_seq, least(new.last_read_seq, chat.last_seq));
    if new.unread_mentions > 0 then
      new.unread_mentions := (
        select count(*) from public.message_mentions x
        where x.user_id = new.user_id and x.chat_id = new.chat_id and x.seq > new.last_read_seq
      );
    end if;
  else
    new.last_read_seq := old.last_read_seq;
  end if;
  if old.left_at is null and new.left_at is not null then
    -- A role ends with the membership.
    new.role := 'member';
  end if;
  return new;
end
$$;
