-- min-binary: 1
-- A second factor beside the password: authenticator apps (RFC 6238) and recovery codes, sign-ins that wait for one,
-- and what each session was opened with. Only the platform role touches these tables. The apps' secrets are sealed
-- and the codes hashed under keys made from the server's key, which is not in the database.

alter table phoenix.sessions
  -- How its user proved who they are (RFC 8176); empty for sessions from before.
  add column amr text[] collate "C" not null default '{}',
  add column authenticated_at timestamptz not null default phoenix.now(),
  -- When it last gave a second factor.
  add column second_factor_at timestamptz;
update phoenix.sessions set authenticated_at = created_at;

create table phoenix.second_factors (
  user_id uuid primary key references phoenix.users (id) on delete cascade,
  sealed_secret bytea not null,
  -- The newest step whose code was used: none is used twice.
  last_step bigint not null,
  created_at timestamptz not null default phoenix.now()
);
revoke all on phoenix.second_factors from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.second_factors to phoenix_platform;

-- Secrets that were shown but whose app has not given a code yet.
create table phoenix.second_factor_enrolments (
  user_id uuid primary key references phoenix.users (id) on delete cascade,
  sealed_secret bytea not null,
  expires_at timestamptz not null
);
revoke all on phoenix.second_factor_enrolments from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.second_factor_enrolments to phoenix_platform;

create table phoenix.recovery_codes (
  user_id uuid not null references phoenix.users (id) on delete cascade,
  digest bytea not null,
  primary key (user_id, digest)
);
revoke all on phoenix.recovery_codes from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.recovery_codes to phoenix_platform;

-- Sign-ins whose first factor was right. One goes on in the browser it was begun in, once.
create table phoenix.sign_in_challenges (
  digest bytea primary key,
  browser_digest bytea not null,
  user_id uuid not null references phoenix.users (id) on delete cascade,
  -- How the first factor was given (RFC 8176).
  amr text[] collate "C" not null,
  expires_at timestamptz not null
);
create index sign_in_challenges_user_id_idx on phoenix.sign_in_challenges (user_id);
create index sign_in_challenges_expires_at_idx on phoenix.sign_in_challenges (expires_at);
revoke all on phoenix.sign_in_challenges from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.sign_in_challenges to phoenix_platform;

-- migrate: down
-- down-guard: select 1 from phoenix.second_factors
drop table phoenix.sign_in_challenges;
drop table phoenix.recovery_codes;
drop table phoenix.second_factor_enrolments;
drop table phoenix.second_factors;
alter table phoenix.sessions drop column second_factor_at, drop column authenticated_at, drop column amr;
