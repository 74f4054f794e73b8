-- What a security key needs beside the columns that Nhost Auth has, and what is under way with one.
create table brain.passkeys (
  security_key_id uuid primary key references auth.user_security_keys (id) on update cascade on delete cascade,
  user_id uuid not null references auth.users (id) on update cascade on delete cascade,
  passkey jsonb not null
);
comment on table brain.passkeys is
  'Public keys of WebAuthn credentials with their counters and flags, as the library that verifies them writes them.';
create index passkeys_user_id_idx on brain.passkeys (user_id);

create table brain.webauthn_ceremonies (
  challenge_hash text primary key,
  kind text not null,
  user_id uuid references auth.users (id) on update cascade on delete cascade,
  state jsonb not null,
  expires_at timestamptz not null
);
comment on table brain.webauthn_ceremonies is
  'Challenges that security keys are to answer, by the SHA-256 of each, for one use. `user_id`: whose key must answer.';
create index webauthn_ceremonies_user_id_idx on brain.webauthn_ceremonies (user_id);
create index webauthn_ceremonies_expires_at_idx on brain.webauthn_ceremonies (expires_at);
