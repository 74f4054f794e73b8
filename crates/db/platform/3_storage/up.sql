-- The tables of Nhost Storage.
create schema storage;

create function storage.set_current_timestamp_updated_at() returns trigger
  language plpgsql
  as $$
begin
  new.updated_at = now();
  return new;
end;
$$;

create function storage.protect_default_bucket_delete() returns trigger
  language plpgsql
  as $$
begin
  if old.id = 'default' then
    raise exception 'Can not delete default bucket';
  end if;
  return old;
end;
$$;

create function storage.protect_default_bucket_update() returns trigger
  language plpgsql
  as $$
begin
  if old.id = 'default' and new.id <> 'default' then
    raise exception 'Can not rename default bucket';
  end if;
  return new;
end;
$$;

create table storage.buckets (
  id text primary key,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  download_expiration integer not null default 30,
  min_upload_file_size integer not null default 1,
  max_upload_file_size integer not null default 50000000,
  cache_control text default 'max-age=3600',
  presigned_urls_enabled boolean not null default true,
  constraint download_expiration_valid_range check (download_expiration >= 1 and download_expiration <= 604800)
);

create table storage.files (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  bucket_id text not null default 'default',
  name text,
  size integer,
  mime_type text,
  etag text,
  is_uploaded boolean default false,
  uploaded_by_user_id uuid,
  metadata jsonb,
  constraint fk_bucket foreign key (bucket_id) references storage.buckets (id)
    on update cascade on delete cascade
);

create table storage.virus (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  file_id uuid not null,
  filename text not null,
  virus text not null,
  user_session jsonb not null,
  constraint fk_file foreign key (file_id) references storage.files (id)
    on update cascade on delete cascade
);

create trigger set_storage_buckets_updated_at before update on storage.buckets
  for each row execute function storage.set_current_timestamp_updated_at();
create trigger set_storage_files_updated_at before update on storage.files
  for each row execute function storage.set_current_timestamp_updated_at();
create trigger set_storage_virus_updated_at before update on storage.virus
  for each row execute function storage.set_current_timestamp_updated_at();
create trigger check_default_bucket_delete before delete on storage.buckets
  for each row execute function storage.protect_default_bucket_delete();
create trigger check_default_bucket_update before update on storage.buckets
  for each row execute function storage.protect_default_bucket_update();

insert into storage.buckets (id) values ('default');
