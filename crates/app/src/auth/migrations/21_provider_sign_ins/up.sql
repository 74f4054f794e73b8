-- Sign-ins with another service that are under way: the browser is there and will be back.
create table brain.provider_sign_ins (
  state_hash text primary key,
  provider text not null,
  browser_hash text not null,
  nonce text not null,
  verifier text not null,
  options jsonb not null,
  user_id uuid references auth.users (id) on update cascade on delete cascade,
  expires_at timestamptz not null
);
comment on table brain.provider_sign_ins is
  'Sign-ins with another service that are under way, by the SHA-256 of their state, for one use by the browser that '
  'began. `user_id`: the person who links the service to their account.';
create index provider_sign_ins_user_id_idx on brain.provider_sign_ins (user_id);
create index provider_sign_ins_expires_at_idx on brain.provider_sign_ins (expires_at);
