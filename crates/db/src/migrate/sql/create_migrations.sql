create schema if not exists brain;

create table if not exists brain.migrations (
  set_name text not null,
  version bigint not null,
  name text not null,
  sha256 text not null,
  applied_at timestamptz not null default now(),
  primary key (set_name, version)
);
