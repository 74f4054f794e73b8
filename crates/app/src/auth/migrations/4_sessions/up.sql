-- Refresh tokens after their use, so that one that is shown again is noticed.
create table brain.spent_refresh_tokens (
  refresh_token_hash text primary key,
  refresh_token_id uuid not null references auth.refresh_tokens (id) on update cascade on delete cascade,
  spent_at timestamptz not null default now()
);
comment on table brain.spent_refresh_tokens is
  'Refresh tokens after their use, by the hash of each, with the session that they were of. Swept after a month.';
create index spent_refresh_tokens_refresh_token_id_idx on brain.spent_refresh_tokens (refresh_token_id);
create index spent_refresh_tokens_spent_at_idx on brain.spent_refresh_tokens (spent_at);
