-- The book of what is in the store of files. A line is written before its bytes go to the store and stays until they
-- are gone from it, so that whatever breaks off in the middle, no object is there that nobody knows, and no row shows a
-- file that is not there. When a file's row goes, its lines stay without a file, and their objects are removed.

create table public.stored_objects (
  key text collate "C" primary key,
  file_id uuid,
  role text not null default 'content',
  size bigint not null,
  is_current boolean not null default false,
  expected_until timestamptz,
  upload_id text,
  tries integer not null default 0,
  tried_at timestamptz,
  problem text,
  created_at timestamptz not null default now(),
  constraint stored_objects_file_id_fkey
    foreign key (file_id) references storage.files (id) on update cascade on delete set null,
  constraint stored_objects_key_check check (key like 'uploads/%/%' and octet_length(key) <= 512),
  constraint stored_objects_role_check check (role in ('content', 'thumbnail')),
  constraint stored_objects_size_check check (size >= 0),
  constraint stored_objects_problem_check check (char_length(problem) <= 500)
);

comment on table public.stored_objects is 'What is in the store of files, or on its way there or out of it';
comment on column public.stored_objects.key is 'uploads/<file id>/<safe name>';
comment on column public.stored_objects.file_id is 'Whose bytes they are; null: nobody''s, to be removed';
comment on column public.stored_objects.is_current is 'Whether this is what the file shows';
comment on column public.stored_objects.expected_until is 'Until then whoever is putting it there, or reading it, is left alone';
comment on column public.stored_objects.upload_id is 'The store''s name of an upload in parts that is under way';
comment on column public.stored_objects.problem is 'Why it could not be removed when that was tried last';

create unique index stored_objects_current_key on public.stored_objects (file_id, role) where is_current;
create index stored_objects_file_id_idx on public.stored_objects (file_id);
create index stored_objects_unkept_idx on public.stored_objects (expected_until)
where not is_current;

-- What was kept before there was a book.
insert into public.stored_objects (key, file_id, size, is_current)
select
  'uploads/' || f.id || '/'
  || coalesce(nullif(left(ltrim(regexp_replace(f.name, '[^A-Za-z0-9._-]', '_', 'g'), '.'), 100), ''), 'file'),
  f.id, coalesce(f.size, 0), true
from storage.files f
where f.is_uploaded;

-- Uploads in parts, which go past the server into the store.

create table public.file_uploads (
  file_id uuid primary key,
  key text not null,
  size bigint not null,
  part_size integer not null,
  metadata jsonb,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  constraint file_uploads_file_id_fkey
    foreign key (file_id) references storage.files (id) on update cascade on delete cascade,
  constraint file_uploads_size_check check (size > 0 and part_size > 0)
);

comment on table public.file_uploads is 'Uploads in parts that are not checked yet';
comment on column public.file_uploads.finished_at is 'When all parts had come; null: some are missing';

create index file_uploads_finished_at_idx on public.file_uploads (finished_at);

-- What a client wants to know of a file before it has it.

create table public.file_details (
  file_id uuid primary key,
  kind text not null,
  name text not null,
  mime_type text not null,
  size bigint not null,
  width integer,
  height integer,
  blurhash text,
  has_thumbnail boolean not null default false,
  constraint file_details_file_id_fkey
    foreign key (file_id) references storage.files (id) on update cascade on delete cascade,
  constraint file_details_kind_check check (kind in ('picture', 'video', 'audio', 'document')),
  constraint file_details_extent_check check (
    size >= 0 and width > 0 and height > 0 and (width is null) = (height is null)
  ),
  constraint file_details_blurhash_check check (char_length(blurhash) <= 200)
);

comment on table public.file_details is 'What a client shows of a file before it has it';
comment on column public.file_details.width is 'Of a picture as it is shown, in pixels';
comment on column public.file_details.blurhash is 'A blurred picture in some characters (blurha.sh), to show until the real one is there';
comment on column public.file_details.has_thumbnail is 'Whether /v1/files/<id>/thumbnail has a small picture';
