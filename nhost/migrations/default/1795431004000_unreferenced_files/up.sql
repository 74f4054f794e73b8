-- Files for messages that nothing refers to any more are removed after a day. Who stops referring to a file leaves a mark, so
-- that nobody has to look through all files for those; so does whoever uploads one, which nothing refers to yet.
--
-- Marks are only ever added: two who delete messages with the same files need not wait for each other. A file is looked at
-- when its last mark is old enough, and whatever refers to it then keeps it. What refers to it later, and no more, is marked again.

create table public.unreferenced_files (
  -- No foreign key, which would lock the file while messages and chats are locked.
  file_id uuid not null,
  since timestamptz not null,
  constraint unreferenced_files_pkey primary key (file_id, since)
);

comment on table public.unreferenced_files is 'Since when a file may be without anything that refers to it';

create index unreferenced_files_since_idx on public.unreferenced_files (since);

insert into public.unreferenced_files (file_id, since)
select f.id, f.created_at from storage.files f where f.bucket_id = 'messages';

-- As the owner: accounts and files are deleted by roles of Nhost's that have no right to our tables.
create function public.messages_lose_file() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.unreferenced_files (file_id, since) values (old.file_id, now()) on conflict do nothing;
  return null;
end
$$;

create trigger messages_lose_file
after update on public.messages
for each row when (old.file_id is not null and old.file_id is distinct from new.file_id)
execute function public.messages_lose_file();

create trigger messages_go_with_file
after delete on public.messages
for each row when (old.file_id is not null)
execute function public.messages_lose_file();

create function public.chats_lose_picture() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.unreferenced_files (file_id, since) values (old.avatar_file_id, now()) on conflict do nothing;
  return null;
end
$$;

create trigger chats_lose_picture
after update of avatar_file_id on public.chats
for each row when (old.avatar_file_id is not null and old.avatar_file_id is distinct from new.avatar_file_id)
execute function public.chats_lose_picture();

create trigger chats_go_with_picture
after delete on public.chats
for each row when (old.avatar_file_id is not null)
execute function public.chats_lose_picture();

create function public.stored_objects_come() returns trigger
language plpgsql as $$
begin
  insert into public.unreferenced_files (file_id, since) values (new.file_id, now()) on conflict do nothing;
  return null;
end
$$;

create trigger stored_objects_come
after insert on public.stored_objects
for each row when (new.file_id is not null and new.role = 'content')
execute function public.stored_objects_come();

-- Each query by its index, whatever the tables were like when the plan was made.
create function public.remove_unreferenced_files(before timestamptz, at_most integer) returns setof storage.files
language plpgsql volatile rows 100
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  due uuid[];
  free uuid[];
  ownerless text[];
  pictures text[] := '{}';
begin
  with looked_at as (
    delete from public.unreferenced_files u
    where (u.file_id, u.since) in (
      select o.file_id, o.since from public.unreferenced_files o
      where o.since < before order by o.since limit at_most for update skip locked
    )
    returning u.file_id
  )
  select array_agg(distinct l.file_id) into due
  from looked_at l
  where not exists (select from public.messages m where m.file_id = l.file_id)
    and not exists (select from public.chats c where c.avatar_file_id = l.file_id)
    and not exists (select from public.unreferenced_files u where u.file_id = l.file_id and u.since >= before);

  -- The administrator's files may be anybody's pictures: where there are some, all people are looked through, once.
  ownerless := array(select f.id::text from storage.files f where f.id = any (due) and f.uploaded_by_user_id is null);
  if cardinality(ownerless) > 0 then
    pictures := array(
      select left(split_part(p.avatar_url, '/files/', 2), 36) from auth.users p
      where left(split_part(p.avatar_url, '/files/', 2), 36) = any (ownerless)
    );
  end if;
  -- What is not yet uploaded is not yet to be removed, nor is a person's picture: one of their own, or one that the
  -- administrator put there. Of neither's end anybody tells. Whoever is just sending a file has it locked.
  free := array(
    select f.id from storage.files f
    where f.id = any (due) and f.bucket_id = 'messages' and f.is_uploaded and f.updated_at < before
      and f.id::text <> all (pictures)
      and not exists (
        select from auth.users p
        where p.id = f.uploaded_by_user_id and p.avatar_url like '%/files/' || f.id || '%'
      )
    for update skip locked
  );
  -- From here on nobody can begin to refer to them. What had been committed before the lock this statement sees.
  free := array(
    select f.id from unnest(free) as f (id)
    where not exists (select from public.messages m where m.file_id = f.id)
      and not exists (select from public.chats c where c.avatar_file_id = f.id)
      and not exists (select from public.unreferenced_files u where u.file_id = f.id)
  );
  -- The others that are in this bucket are looked at again after as long a time.
  insert into public.unreferenced_files (file_id, since)
  select f.id, now() from storage.files f
  where f.id = any (due) and f.id <> all (free) and f.bucket_id = 'messages'
  on conflict do nothing;

  -- In one order, as their sums are about to change.
  perform from public.used_storage s
  where s.user_id in (select f.uploaded_by_user_id from storage.files f where f.id = any (free))
  order by s.user_id for update;
  return query delete from storage.files f where f.id = any (free) returning f.*;
end
$$;

comment on function public.remove_unreferenced_files is
  'Removes files for messages that nothing has referred to since `before`; looks at so many at most';
