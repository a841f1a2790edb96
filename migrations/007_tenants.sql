-- min-binary: 1
-- Tenants, the walled spaces everything else lives in, and sites, the places with hosts.

create table phoenix.tenants (
  id uuid primary key,
  name text collate "C" not null,
  display_name text not null,
  tier text not null default 'STANDARD',
  status text not null default 'ACTIVE',
  created_at timestamptz not null default phoenix.now(),
  updated_at timestamptz not null default phoenix.now(),
  version integer not null default 1,
  -- Names are parts of addresses, so they are unique over the platform. Only platform administrators create tenants:
  -- the conflict tells a tenant's member nothing.
  constraint tenants_name_key unique (name),
  constraint tenants_name_check check (name ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
  constraint tenants_tier_check check (tier in ('FREE', 'STANDARD', 'ENTERPRISE', 'SOVEREIGN')),
  constraint tenants_status_check check (status in ('ACTIVE', 'SUSPENDED', 'DELETED'))
);
create index tenants_created_at_idx on phoenix.tenants (created_at, id);

alter table phoenix.tenants enable row level security;
create policy tenants_tenant on phoenix.tenants for select to phoenix_tenant
  using (id = current_setting('phoenix.tenant_id')::uuid);
create policy tenants_platform on phoenix.tenants to phoenix_platform using (true) with check (true);
create policy tenants_worker on phoenix.tenants for select to phoenix_worker using (true);
-- Tables are born open to platform and workers; here both get less.
revoke all on phoenix.tenants from phoenix_platform, phoenix_worker;
grant select on phoenix.tenants to phoenix_tenant, phoenix_worker;
grant select, insert, update on phoenix.tenants to phoenix_platform;

-- Sites belong to the platform and are the same for every tenant.
create table phoenix.sites (
  id uuid primary key,
  name text collate "C" not null,
  region text not null,
  status text not null default 'ACTIVE',
  created_at timestamptz not null default phoenix.now(),
  updated_at timestamptz not null default phoenix.now(),
  constraint sites_name_key unique (name),
  constraint sites_status_check check (status in ('ACTIVE', 'MAINTENANCE', 'OFFLINE'))
);
revoke all on phoenix.sites from phoenix_platform, phoenix_worker;
grant select on phoenix.sites to phoenix_tenant, phoenix_worker;
grant select, insert, update on phoenix.sites to phoenix_platform;

-- migrate: down
-- down-guard: select 1 from phoenix.tenants
drop table phoenix.sites;
drop table phoenix.tenants;
