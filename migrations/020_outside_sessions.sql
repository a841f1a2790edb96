-- min-binary: 1
-- Sessions that an outside identity provider vouched for: whose they are there, so that the provider can end them
-- (OpenID Connect Back-Channel Logout), and which tenants they open when its claims decide that.

create table phoenix.outside_sessions (
  session_id uuid primary key references phoenix.sessions (id) on delete cascade,
  issuer text collate "C" not null,
  subject text collate "C" not null,
  -- The provider's own session, when it has named one.
  sid text collate "C",
  -- {"acme": "TENANT_ADMIN"}; null: memberships decide.
  claimed_tenants jsonb
);
create index outside_sessions_subject_idx on phoenix.outside_sessions (issuer, subject);
create index outside_sessions_sid_idx on phoenix.outside_sessions (issuer, sid);
revoke all on phoenix.outside_sessions from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.outside_sessions to phoenix_platform;

-- What may be used once, until it could not be used any more anyway: digests of sign-in states and logout tokens.
create table phoenix.used_once (
  digest bytea primary key,
  expires_at timestamptz not null
);
create index used_once_expires_at_idx on phoenix.used_once (expires_at);
revoke all on phoenix.used_once from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.used_once to phoenix_platform;

-- migrate: down
-- down-guard: none
-- Whoever signed in by a provider signs in again.
delete from phoenix.sessions where id in (select session_id from phoenix.outside_sessions);
drop table phoenix.used_once;
drop table phoenix.outside_sessions;
