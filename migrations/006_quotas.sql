-- min-binary: 1
-- What a tenant may use and what counts against it. Rows are per tenant, so that tenants never wait for each other.
-- See src/engine/quota.hpp.

create table phoenix.quota_defaults (
  tier text collate "C" not null check (tier in ('FREE', 'STANDARD', 'ENTERPRISE', 'SOVEREIGN')),
  dimension text collate "C" not null check (dimension in ('vcpus', 'memory_mib', 'instances', 'storage_gib')),
  maximum bigint not null check (maximum between 0 and 2147483647),
  primary key (tier, dimension)
);
insert into phoenix.quota_defaults (tier, dimension, maximum) values
  ('FREE', 'vcpus', 4), ('FREE', 'memory_mib', 4096), ('FREE', 'instances', 4), ('FREE', 'storage_gib', 20),
  ('STANDARD', 'vcpus', 32), ('STANDARD', 'memory_mib', 65536), ('STANDARD', 'instances', 25),
  ('STANDARD', 'storage_gib', 500),
  ('ENTERPRISE', 'vcpus', 512), ('ENTERPRISE', 'memory_mib', 2097152), ('ENTERPRISE', 'instances', 500),
  ('ENTERPRISE', 'storage_gib', 20000),
  ('SOVEREIGN', 'vcpus', 2048), ('SOVEREIGN', 'memory_mib', 8388608), ('SOVEREIGN', 'instances', 2000),
  ('SOVEREIGN', 'storage_gib', 100000);
revoke all on phoenix.quota_defaults from phoenix_platform, phoenix_worker;
grant select on phoenix.quota_defaults to phoenix_platform, phoenix_worker;

create table phoenix.quotas (
  id uuid primary key,
  tenant_id uuid not null,
  dimension text collate "C" not null check (dimension in ('vcpus', 'memory_mib', 'instances', 'storage_gib')),
  -- Within GraphQL's Int. used may be above maximum after the maximum was lowered.
  used bigint not null default 0 constraint quotas_used_check check (used between 0 and 2147483647),
  maximum bigint not null constraint quotas_maximum_check check (maximum between 0 and 2147483647),
  updated_at timestamptz not null default phoenix.now(),
  constraint quotas_one_per_dimension unique (tenant_id, dimension)
) with (fillfactor = 50);

alter table phoenix.quotas enable row level security;
create policy tenant_wall on phoenix.quotas to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.quotas to phoenix_platform using (true) with check (true);
create policy worker on phoenix.quotas to phoenix_worker using (true) with check (true);
revoke all on phoenix.quotas from phoenix_platform, phoenix_worker;
-- A tenant's requests count; what may be counted up to is the platform's word.
grant select, update (used, updated_at) on phoenix.quotas to phoenix_tenant, phoenix_worker;
grant select, insert, update (used, maximum, updated_at) on phoenix.quotas to phoenix_platform;

-- migrate: down
-- down-guard: select 1 from phoenix.quotas
drop table phoenix.quotas;
drop table phoenix.quota_defaults;
