-- How often it was begun to check what came in parts: what cannot be checked is not looked at for ever.

alter table public.file_uploads
  add column tries integer not null default 0,
  add column due_at timestamptz;

comment on column public.file_uploads.tries is 'How often it was begun to check what came';
comment on column public.file_uploads.due_at is 'Until then whoever checks it is left alone, or nobody tries again';
