-- Letters that wait to be sent, and the tickets that their links carry.
create table brain.letters (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  template text not null,
  locale text not null,
  recipient text not null,
  variables jsonb not null,
  deadline timestamptz not null,
  next_try_at timestamptz not null default now(),
  tries integer not null default 0
);
comment on table brain.letters is
  'Letters that wait to be sent. A letter goes when it is sent, refused for good, or too late.';
create index letters_next_try_at_idx on brain.letters (next_try_at);

create table brain.tickets (
  ticket_hash text primary key,
  user_id uuid not null references auth.users (id) on update cascade on delete cascade,
  kind text not null,
  new_email auth.email,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
comment on table brain.tickets is
  'What a link in a letter, or the first half of a sign-in, proves: by the SHA-256 of its text, for one use.';
create index tickets_user_id_kind_idx on brain.tickets (user_id, kind);
create index tickets_expires_at_idx on brain.tickets (expires_at);
