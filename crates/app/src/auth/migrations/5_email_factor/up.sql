-- Nhost Auth's `active_mfa_type` knows apps and SMS alone.
create table brain.email_factors (
  user_id uuid primary key references auth.users (id) on update cascade on delete cascade,
  created_at timestamptz not null default now()
);
comment on table brain.email_factors is 'Who is asked for a code in a letter at each sign-in by password.';
