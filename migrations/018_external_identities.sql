-- min-binary: 1
-- Who of an outside identity provider is which user: by issuer and subject, which a provider never gives to another
-- person. Addresses are not compared: an account is not taken over by whoever claims its address elsewhere.

create table phoenix.external_identities (
  issuer text collate "C" not null,
  subject text collate "C" not null,
  user_id uuid not null references phoenix.users (id) on delete cascade,
  created_at timestamptz not null default phoenix.now(),
  primary key (issuer, subject)
);
create index external_identities_user_idx on phoenix.external_identities (user_id);
revoke all on phoenix.external_identities from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.external_identities to phoenix_platform;

-- migrate: down
-- down-guard: select 1 from phoenix.external_identities
drop table phoenix.external_identities;
