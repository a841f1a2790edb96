-- min-binary: 1
-- People with local accounts, their passwords, and their memberships of tenants.

create table phoenix.users (
  id uuid primary key,
  email text not null,
  -- Addresses are compared without regard to case of ASCII letters.
  email_key text collate "C" not null generated always as (lower(email collate "C")) stored,
  name text not null,
  platform_role text,
  status text not null default 'ACTIVE',
  created_at timestamptz not null default phoenix.now(),
  updated_at timestamptz not null default phoenix.now(),
  version integer not null default 1,
  constraint users_email_key unique (email_key),
  constraint users_platform_role_check check (platform_role in ('PLATFORM_ADMIN')),
  constraint users_status_check check (status in ('ACTIVE', 'DISABLED')),
  -- What memberships copy, so that the copies are foreign keys and cannot differ from the original.
  constraint users_display_key unique (id, email, name, created_at)
);
alter table phoenix.users enable row level security;
-- No policy for phoenix_tenant: of this table it sees no row. It needs the grant because the view below is read with
-- the rights of whoever asks.
create policy users_platform on phoenix.users to phoenix_platform using (true) with check (true);
create policy users_worker on phoenix.users for select to phoenix_worker using (true);
revoke all on phoenix.users from phoenix_platform, phoenix_worker;
grant select (id, email, name, created_at) on phoenix.users to phoenix_tenant, phoenix_worker;
grant select, insert, update on phoenix.users to phoenix_platform;

-- Apart from users, so that no `select` on people can ever carry a hash along.
create table phoenix.user_passwords (
  user_id uuid primary key references phoenix.users (id) on delete cascade,
  phc text not null,
  changed_at timestamptz not null default phoenix.now()
);
revoke all on phoenix.user_passwords from phoenix_platform, phoenix_worker;
grant select, insert, update, delete on phoenix.user_passwords to phoenix_platform;

create table phoenix.memberships (
  id uuid primary key,
  tenant_id uuid not null references phoenix.tenants (id),
  user_id uuid not null,
  role text not null,
  -- What the tenant may see of the person. A tenant's policy is one equality on tenant_id, so the row must carry it
  -- all; the foreign key keeps it true.
  user_email text not null,
  user_name text not null,
  user_created_at timestamptz not null,
  created_at timestamptz not null default phoenix.now(),
  updated_at timestamptz not null default phoenix.now(),
  version integer not null default 1,
  constraint memberships_user_key unique (tenant_id, user_id),
  constraint memberships_role_check
    check (role in ('TENANT_VIEWER', 'TENANT_MEMBER', 'TENANT_ADMIN', 'TENANT_OWNER')),
  constraint memberships_user_fkey foreign key (user_id, user_email, user_name, user_created_at)
    references phoenix.users (id, email, name, created_at) on update cascade
);
create index memberships_of_user_idx on phoenix.memberships (user_id);
create index memberships_created_at_idx on phoenix.memberships (tenant_id, created_at, id);

alter table phoenix.memberships enable row level security;
create policy memberships_tenant on phoenix.memberships to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy memberships_platform on phoenix.memberships to phoenix_platform using (true) with check (true);
create policy memberships_worker on phoenix.memberships for select to phoenix_worker using (true);
revoke all on phoenix.memberships from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.memberships to phoenix_tenant;
grant update (role, updated_at, version) on phoenix.memberships to phoenix_tenant;
grant select on phoenix.memberships to phoenix_worker;
grant select, insert, update, delete on phoenix.memberships to phoenix_platform;

-- The API's type User: inside a tenant its members, for the platform everybody. Each branch is empty for the other
-- side: users has no policy for phoenix_tenant, and the second branch is switched off once per query.
create view phoenix.user_profiles with (security_invoker = true) as
  select id, email, name, created_at from phoenix.users
  union all
  select user_id, user_email, user_name, user_created_at from phoenix.memberships where current_user = 'phoenix_tenant';
revoke all on phoenix.user_profiles from phoenix_platform, phoenix_worker;
grant select on phoenix.user_profiles to phoenix_tenant, phoenix_platform, phoenix_worker;

-- migrate: down
-- down-guard: select 1 from phoenix.users
drop view phoenix.user_profiles;
drop table phoenix.memberships;
drop table phoenix.user_passwords;
drop table phoenix.users;
