-- What people's files take up, against their plan. Nothing of ours may stand on `storage.files`: a file's size is looked at by
-- the permission to add its row, and the sum is counted in the book of what is stored. What a file takes counts from the
-- moment that its content is on its way, by the size that was declared.

insert into public.rule_errors (code, message) values
  ('file-too-large', 'This file is larger than your plan allows'),
  ('storage-full', 'Your files take up all the space that your plan allows');

create table public.used_storage (
  user_id uuid primary key,
  bytes bigint not null,
  constraint used_storage_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
)
with (fillfactor = 70);

comment on table public.used_storage is 'How much people have in the store of files, thumbnails not counted';

alter table public.stored_objects
  add column user_id uuid;

comment on column public.stored_objects.user_id is 'Who uploaded the file; null: the administrator. Kept when the file''s row is gone';

update public.stored_objects o set user_id = f.uploaded_by_user_id from storage.files f where f.id = o.file_id;

insert into public.used_storage (user_id, bytes)
select o.user_id, sum(o.size)
from public.stored_objects o join auth.users u on u.id = o.user_id
where o.file_id is not null and o.role = 'content'
group by o.user_id;

create function public.stored_objects_before_insert() returns trigger
language plpgsql as $$
begin
  new.user_id := (select f.uploaded_by_user_id from storage.files f where f.id = new.file_id);
  return new;
end
$$;

create trigger stored_objects_before_insert
before insert on public.stored_objects
for each row execute function public.stored_objects_before_insert();

-- As the owner: when Nhost Storage deletes a file, what follows runs as Nhost Storage, which has no right to our tables.
create function public.stored_objects_count() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  owner_id uuid := coalesce(new.user_id, old.user_id);
  added bigint :=
    coalesce(case when new.file_id is not null and new.role = 'content' then new.size end, 0)
    - coalesce(case when old.file_id is not null and old.role = 'content' then old.size end, 0);
  plan public.plans;
  used bigint;
begin
  if added < 0 then
    update public.used_storage s set bytes = s.bytes + added where s.user_id = owner_id;
  elsif added > 0 then
    -- Looked at once more, now that nobody else counts for the same person: several uploads may have begun together.
    insert into public.used_storage as s (user_id, bytes)
    select u.id, added from auth.users u where u.id = owner_id
    on conflict (user_id) do update set bytes = s.bytes + excluded.bytes
    returning s.bytes into used;
    plan := public.plan_of(owner_id);
    -- What takes the place of another content adds no row, whose permission would have said so.
    if new.size > plan.max_upload_bytes and owner_id is not null then
      perform public.refuse('file-too-large');
    end if;
    if used > plan.storage_bytes then
      perform public.refuse('storage-full');
    end if;
  end if;
  return null;
end
$$;

create trigger stored_objects_count
after insert or update of file_id, role, size or delete on public.stored_objects
for each row execute function public.stored_objects_count();

-- A computed field, for the permission to add a file: whether the uploader's plan has room for it. Where it has not, it fails
-- with the rule's code.
create function public.file_fits_plan(file storage.files) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  plan public.plans := public.plan_of(file.uploaded_by_user_id);
begin
  if file.size > plan.max_upload_bytes then
    perform public.refuse('file-too-large');
  end if;
  if file.size > plan.storage_bytes - coalesce(
    (select s.bytes from public.used_storage s where s.user_id = file.uploaded_by_user_id), 0
  ) then
    perform public.refuse('storage-full');
  end if;
  return true;
end
$$;

create view public.files_usage as
select u.id as user_id, coalesce(s.bytes, 0) as used_bytes, plan.storage_bytes, plan.max_upload_bytes
from auth.users u
cross join lateral public.plan_of(u.id) plan
left join public.used_storage s on s.user_id = u.id;

comment on view public.files_usage is 'What people''s files take up, and what their plan allows; null: without a limit';
