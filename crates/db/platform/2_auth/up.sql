-- The tables of Nhost Auth.
create schema auth;

-- The form that HTML gives to the value of <input type="email">.
create domain auth.email as public.citext
  check (value ~ '^[a-zA-Z0-9.!#$%&''*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$');

create function auth.set_current_timestamp_updated_at() returns trigger
  language plpgsql
  as $$
begin
  new.updated_at = now();
  return new;
end;
$$;

create table auth.schema_migrations (
  version bigint primary key,
  dirty boolean not null
);

create table auth.roles (
  role text primary key
);
comment on table auth.roles is 'Roles that accounts may have.';
insert into auth.roles (role) values ('user'), ('anonymous'), ('me');

create table auth.users (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_seen timestamptz,
  disabled boolean not null default false,
  display_name text not null default '',
  avatar_url text not null default '',
  locale varchar(2) not null,
  email auth.email,
  phone_number text,
  password_hash text,
  email_verified boolean not null default false,
  phone_number_verified boolean not null default false,
  new_email auth.email,
  otp_method_last_used text,
  otp_hash text,
  otp_hash_expires_at timestamptz not null default now(),
  default_role text not null default 'user',
  is_anonymous boolean not null default false,
  totp_secret text,
  active_mfa_type text,
  ticket text,
  ticket_expires_at timestamptz not null default now(),
  metadata jsonb,
  webauthn_current_challenge text,
  constraint users_email_key unique (email),
  constraint users_phone_number_key unique (phone_number),
  constraint active_mfa_types_check check (active_mfa_type = 'totp' or active_mfa_type = 'sms'),
  constraint fk_default_role foreign key (default_role) references auth.roles (role)
    on update cascade on delete restrict
);
comment on table auth.users is 'Accounts of people.';

create table auth.user_roles (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  user_id uuid not null,
  role text not null,
  constraint user_roles_user_id_role_key unique (user_id, role),
  constraint fk_user foreign key (user_id) references auth.users (id) on update cascade on delete cascade,
  constraint fk_role foreign key (role) references auth.roles (role) on update cascade on delete restrict
);
comment on table auth.user_roles is 'The roles of each account.';

create table auth.providers (
  id text primary key
);
comment on table auth.providers is 'Services that people may sign in with.';
insert into auth.providers (id) values
  ('apple'), ('azuread'), ('bitbucket'), ('discord'), ('entraid'), ('facebook'), ('github'), ('gitlab'),
  ('google'), ('linkedin'), ('spotify'), ('strava'), ('twitch'), ('twitter'), ('windowslive'), ('workos');

create table auth.provider_requests (
  id uuid primary key,
  options jsonb
);
comment on table auth.provider_requests is 'Sign-ins with another service that are under way.';

create table auth.user_providers (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  user_id uuid not null,
  access_token text not null,
  refresh_token text,
  provider_id text not null,
  provider_user_id text not null,
  constraint user_providers_user_id_provider_id_key unique (user_id, provider_id),
  constraint user_providers_provider_id_provider_user_id_key unique (provider_id, provider_user_id),
  constraint fk_user foreign key (user_id) references auth.users (id) on update cascade on delete cascade,
  constraint fk_provider foreign key (provider_id) references auth.providers (id)
    on update cascade on delete restrict
);
comment on table auth.user_providers is 'Which account at another service belongs to whom.';

create table auth.user_security_keys (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  credential_id text not null,
  credential_public_key bytea,
  counter bigint not null default 0,
  transports varchar(255) not null default '',
  nickname text,
  constraint user_security_key_credential_id_key unique (credential_id),
  constraint fk_user foreign key (user_id) references auth.users (id) on update cascade on delete cascade
);
comment on table auth.user_security_keys is 'WebAuthn credentials.';

create table auth.refresh_token_types (
  value text primary key,
  comment text not null
);
insert into auth.refresh_token_types (value, comment) values
  ('regular', 'Regular refresh token'),
  ('pat', 'Personal access token');

create table auth.refresh_tokens (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  user_id uuid not null,
  metadata jsonb,
  type text not null default 'regular',
  refresh_token_hash varchar(255),
  constraint fk_user foreign key (user_id) references auth.users (id) on update cascade on delete cascade,
  constraint refresh_tokens_types_fkey foreign key (type) references auth.refresh_token_types (value)
    on update restrict on delete restrict
);
comment on table auth.refresh_tokens is 'Refresh tokens, by the hash of each.';
create index refresh_tokens_refresh_token_hash_expires_at_user_id_idx
  on auth.refresh_tokens (refresh_token_hash, expires_at, user_id);

create trigger set_auth_users_updated_at before update on auth.users
  for each row execute function auth.set_current_timestamp_updated_at();
create trigger set_auth_user_providers_updated_at before update on auth.user_providers
  for each row execute function auth.set_current_timestamp_updated_at();
