-- What a person can take up beyond what their plan's sum counts: contents that were replaced or deleted and are not out of
-- the store yet, files without end and without bytes, uploads that are never finished, and long names.

insert into public.rule_errors (code, message) values
  ('storage-clearing', 'What you have replaced and deleted still takes up too much space: try again in an hour'),
  ('too-many-files', 'You have as many files as are allowed'),
  ('too-many-uploads', 'You have begun as many uploads as are allowed: finish some of them, or give them up'),
  ('file-size-unknown', 'The size of the file is missing'),
  ('file-name-too-long', 'The name or the type of the file is too long'),
  ('file-metadata-too-large', 'There is too much metadata for one file');

insert into public.rule_limits (name, value, per, code, about) values
  ('files-per-person', 100000, null, 'too-many-files', 'Files that one person has'),
  ('unfinished-uploads-per-person', 100, null, 'too-many-uploads', 'Uploads that one person has begun and not finished');

alter table public.used_storage
  add column files integer not null default 0,
  add column leaving_bytes bigint not null default 0;

comment on column public.used_storage.leaving_bytes is 'Of what they replaced or deleted, what is not known to be out of the store';

insert into public.used_storage as s (user_id, bytes, files, leaving_bytes)
select
  o.user_id, 0, count(*) filter (where o.file_id is not null),
  coalesce(sum(o.size) filter (where o.file_id is null), 0)
from public.stored_objects o join auth.users u on u.id = o.user_id
where o.role = 'content'
group by o.user_id
on conflict (user_id) do update set files = excluded.files, leaving_bytes = excluded.leaving_bytes;

-- As it was, and what leaves is counted until its line is struck out: beside what a person has, as much may be leaving. So
-- whoever replaces or deletes a file has its room at once, but not over and over.
create or replace function public.stored_objects_count() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  owner_id uuid := coalesce(new.user_id, old.user_id);
  is_live boolean := coalesce(new.file_id is not null and new.role = 'content', false);
  was_live boolean := coalesce(old.file_id is not null and old.role = 'content', false);
  added bigint := coalesce(case when is_live then new.size end, 0) - coalesce(case when was_live then old.size end, 0);
  leaving bigint :=
    coalesce(case when new.file_id is null and new.role = 'content' then new.size end, 0)
    - coalesce(case when old.file_id is null and old.role = 'content' then old.size end, 0);
  plan public.plans;
  total public.used_storage;
begin
  if added <= 0 and not (is_live and not was_live) then
    update public.used_storage s
    set bytes = s.bytes + added, files = s.files + is_live::integer - was_live::integer,
      leaving_bytes = s.leaving_bytes + leaving
    where s.user_id = owner_id;
    return null;
  end if;
  -- Looked at once more, now that nobody else counts for the same person: several uploads may have begun together.
  insert into public.used_storage as s (user_id, bytes, files, leaving_bytes)
  select u.id, added, is_live::integer - was_live::integer, leaving from auth.users u where u.id = owner_id
  on conflict (user_id) do update
  set bytes = s.bytes + excluded.bytes, files = s.files + excluded.files,
    leaving_bytes = s.leaving_bytes + excluded.leaving_bytes
  returning s.* into total;
  plan := public.plan_of(owner_id);
  -- What takes the place of another content adds no row, whose permission would have said so.
  if new.size > plan.max_upload_bytes and owner_id is not null then
    perform public.refuse('file-too-large');
  end if;
  perform public.refuse_full(total, plan);
  return null;
end
$$;

-- Refuses where a person has more than their plan allows.
create function public.refuse_full(total public.used_storage, plan public.plans) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if total.bytes > plan.storage_bytes then
    perform public.refuse('storage-full');
  end if;
  if total.bytes + total.leaving_bytes > 2 * plan.storage_bytes then
    perform public.refuse('storage-clearing');
  end if;
  if total.files > public.limit_of('files-per-person') then
    perform public.refuse_beyond('files-per-person');
  end if;
end
$$;

-- What is on its way is little, and counted whenever more is begun.
create index stored_objects_unfinished_idx on public.stored_objects (user_id)
where not is_current and file_id is not null and role = 'content';

-- As it was, for a file that says its size, and of a person who has not begun too many.
create or replace function public.file_fits_plan(file storage.files) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  plan public.plans := public.plan_of(file.uploaded_by_user_id);
  total public.used_storage;
  most integer := public.limit_of('unfinished-uploads-per-person');
begin
  if file.size is null or file.size < 0 then
    perform public.refuse('file-size-unknown');
  end if;
  if file.size > plan.max_upload_bytes then
    perform public.refuse('file-too-large');
  end if;
  select s.* into total from public.used_storage s where s.user_id = file.uploaded_by_user_id;
  total.bytes := coalesce(total.bytes, 0) + file.size;
  total.files := coalesce(total.files, 0) + 1;
  total.leaving_bytes := coalesce(total.leaving_bytes, 0);
  perform public.refuse_full(total, plan);
  if (
    select count(*)
    from (
      select from public.stored_objects o
      where o.user_id = file.uploaded_by_user_id and not o.is_current and o.file_id is not null and o.role = 'content'
      limit most
    ) begun
  ) >= most
  then
    perform public.refuse_beyond('unfinished-uploads-per-person');
  end if;
  return true;
end
$$;

-- A computed field, for the permissions to add and to change a file: whether what it says of itself has the bounds that the
-- storage service has. A name has 255 bytes; metadata came as 64 KiB of JSON, and takes up at most twice that as text.
create function public.file_is_bounded(file storage.files) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if greatest(octet_length(file.name), octet_length(file.mime_type)) > 255 then
    perform public.refuse('file-name-too-long');
  end if;
  if octet_length(file.metadata::text) > 131072 then
    perform public.refuse('file-metadata-too-large');
  end if;
  return true;
end
$$;

-- As it was, and what is sent is in the bucket for messages, whose files nobody changes: else the picture of a chat could be
-- sent, and be another one afterwards.
create or replace function public.attachment_refusal(file_id uuid, user_id uuid) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  file storage.files;
begin
  select f.* into file from storage.files f where f.id = attachment_refusal.file_id for key share;
  if not coalesce(file.uploaded_by_user_id = attachment_refusal.user_id, false)
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
    return 'no-such-file';
  end if;
  return case
    when file.bucket_id <> 'messages' then 'file-elsewhere'
    when not file.is_uploaded then 'file-not-ready'
  end;
end
$$;
