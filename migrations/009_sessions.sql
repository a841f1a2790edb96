-- min-binary: 1
-- Proofs of identity and the count of failed ones. Only the platform role touches these tables; no tenant and no
-- worker has any right on them. Secrets are not in them, only digests (sessions and links: SHA-256 of 32 random bytes;
-- bearer tokens: HMAC-SHA-256 under the server's key, which is not in the database).

create table phoenix.sessions (
  id uuid primary key,
  token_digest bytea not null,
  user_id uuid not null references phoenix.users (id) on delete cascade,
  created_at timestamptz not null default phoenix.now(),
  -- Written at most once a minute, unindexed, so that the update stays on its page.
  last_seen_at timestamptz not null default phoenix.now(),
  expires_at timestamptz not null,
  remote_address text not null,
  user_agent text not null,
  constraint sessions_token_digest_key unique (token_digest)
) with (fillfactor = 50);
create index sessions_user_id_idx on phoenix.sessions (user_id);
revoke all on phoenix.sessions from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.sessions to phoenix_platform;

create table phoenix.bearer_tokens (
  id uuid primary key,
  token_digest bytea not null,
  user_id uuid not null references phoenix.users (id) on delete cascade,
  -- When set, the token opens this tenant only.
  bound_tenant uuid references phoenix.tenants (id),
  created_at timestamptz not null default phoenix.now(),
  expires_at timestamptz not null,
  constraint bearer_tokens_token_digest_key unique (token_digest)
);
create index bearer_tokens_user_id_idx on phoenix.bearer_tokens (user_id);
revoke all on phoenix.bearer_tokens from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.bearer_tokens to phoenix_platform;

create table phoenix.one_time_links (
  id uuid primary key,
  token_digest bytea not null,
  user_id uuid not null references phoenix.users (id) on delete cascade,
  created_at timestamptz not null default phoenix.now(),
  expires_at timestamptz not null,
  constraint one_time_links_token_digest_key unique (token_digest)
);
create index one_time_links_user_id_idx on phoenix.one_time_links (user_id);
revoke all on phoenix.one_time_links from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.one_time_links to phoenix_platform;

-- Sign-in attempts that did not succeed (yet), by hash of account name and remote address.
create table phoenix.sign_in_failures (
  key bytea primary key,
  failures integer not null,
  last_at timestamptz not null,
  locked_until timestamptz not null
) with (fillfactor = 50);
create index sign_in_failures_last_at_idx on phoenix.sign_in_failures (last_at);
revoke all on phoenix.sign_in_failures from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.sign_in_failures to phoenix_platform;

-- migrate: down
-- down-guard: select 1 from phoenix.bearer_tokens where expires_at > phoenix.now()
drop table phoenix.sign_in_failures;
drop table phoenix.one_time_links;
drop table phoenix.bearer_tokens;
drop table phoenix.sessions;
