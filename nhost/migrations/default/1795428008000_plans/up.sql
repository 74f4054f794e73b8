-- What the plans allow. Null: without a limit.

create table public.plans (
  id text primary key,
  max_upload_bytes bigint not null,
  storage_bytes bigint,
  max_members integer,
  history_days integer,
  constraint plans_id_check check (id in ('free', 'premium')),
  constraint plans_limits_check check (
    max_upload_bytes > 0 and storage_bytes > 0 and max_members > 1 and history_days > 0
  )
);

comment on table public.plans is 'What each plan allows; null: without a limit';

insert into public.plans (id, max_upload_bytes, storage_bytes, max_members, history_days)
values
  ('free', 100000000, 5000000000, 200, null),
  ('premium', 2000000000, 100000000000, 5000, null);
