-- Codes that people type, and how often each was guessed.
create table brain.codes (
  user_id uuid not null references auth.users (id) on update cascade on delete cascade,
  purpose text not null,
  id uuid not null default gen_random_uuid(),
  code_mac bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  tries integer not null default 0,
  window_started_at timestamptz not null default now(),
  issued integer not null default 1,
  primary key (user_id, purpose)
);
comment on table brain.codes is
  'The last code of each person and purpose, as an HMAC under a key that the database does not have. A code that '
  'was used has an empty one. `issued` counts the codes since `window_started_at`.';

create table brain.code_tries (
  code_id uuid not null,
  network text not null,
  tries integer not null,
  primary key (code_id, network)
);
comment on table brain.code_tries is 'How often each network has tried each code; rows of codes that are gone are swept.';
