-- What the second factor needs beside the secret, which Nhost Auth's `auth.users` has.
create table brain.totp (
  user_id uuid primary key references auth.users (id) on update cascade on delete cascade,
  last_step bigint not null default 0,
  tries integer not null default 0,
  window_started_at timestamptz not null default now()
);
comment on table brain.totp is
  'The last step of time whose code each person has used, which is good no more, and how many codes they tried '
  'since `window_started_at`.';

create table brain.recovery_codes (
  user_id uuid not null references auth.users (id) on update cascade on delete cascade,
  code_mac bytea not null,
  primary key (user_id, code_mac)
);
comment on table brain.recovery_codes is
  'Codes for who has lost the second factor, one use each, as HMACs under a key that the database does not have.';
