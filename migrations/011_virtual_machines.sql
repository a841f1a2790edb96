-- min-binary: 1
-- A machine is what is wanted (desired_state, start/reset generations) and what is known (state, observed_generation).
-- The reconciler alone writes what is known.
create table phoenix.virtual_machines (
  id uuid primary key,
  tenant_id uuid not null references phoenix.tenants (id),
  name text collate "C" not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  image_id uuid not null references phoenix.images (id),
  site_id uuid not null references phoenix.sites (id),
  vcpus integer not null check (vcpus between 1 and 1024),
  memory_mib integer not null check (memory_mib between 64 and 2097152),
  disk_gib integer not null check (disk_gib between 1 and 102400),
  ssh_keys text[] not null default '{}',
  user_data text not null default '' check (octet_length(user_data) <= 16384),
  port_forwards jsonb not null default '[]',

  desired_state text not null check (desired_state in ('RUNNING', 'STOPPED', 'PAUSED', 'DELETED')),
  generation integer not null default 1,
  -- A start or reset is wanted while its generation is above the one that was done.
  start_generation integer not null default 0,
  started_generation integer not null default 0,
  reset_generation integer not null default 0,
  reset_done_generation integer not null default 0,
  force_stop boolean not null default false,

  state text not null check (state in ('PENDING', 'PROVISIONING', 'STOPPED', 'STARTING', 'RUNNING', 'STOPPING',
                                       'PAUSED', 'DEGRADED', 'UNKNOWN', 'LOST', 'DELETING')),
  state_since timestamptz not null,
  state_reason text,
  next_action text,
  provider_state text,
  provisioned boolean not null default false,
  observed_generation integer not null default 0,
  stop_pressed_at timestamptz,
  booted_at timestamptz,
  last_seen_at timestamptz,

  created_by text not null,
  created_at timestamptz not null default phoenix.now(),
  updated_at timestamptz not null default phoenix.now(),
  version integer not null default 1,
  unique (tenant_id, id),
  unique (tenant_id, name)
);
create index virtual_machines_tenant_created on phoenix.virtual_machines (tenant_id, created_at, id);
create index virtual_machines_tenant_state on phoenix.virtual_machines (tenant_id, state, id);
create index virtual_machines_created on phoenix.virtual_machines (created_at, id);

alter table phoenix.virtual_machines enable row level security;
create policy tenant_wall on phoenix.virtual_machines to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.virtual_machines to phoenix_platform using (true) with check (true);
create policy worker on phoenix.virtual_machines to phoenix_worker using (true) with check (true);
revoke all on phoenix.virtual_machines from phoenix_platform, phoenix_worker;
grant select, insert, update on phoenix.virtual_machines to phoenix_tenant, phoenix_platform;
grant select, update, delete on phoenix.virtual_machines to phoenix_worker;

-- A host port leads to one guest only. Ports of one machine go with it.
create table phoenix.host_ports (
  site_id uuid not null references phoenix.sites (id),
  protocol text not null check (protocol in ('tcp', 'udp')),
  port integer not null check (port between 1024 and 65535),
  tenant_id uuid not null,
  virtual_machine_id uuid not null,
  -- Not led by the tenant on purpose: a host's port is taken for everybody. The error names no owner.
  primary key (site_id, protocol, port),
  foreign key (tenant_id, virtual_machine_id) references phoenix.virtual_machines (tenant_id, id) on delete cascade
);
create index host_ports_machine on phoenix.host_ports (tenant_id, virtual_machine_id);
alter table phoenix.host_ports enable row level security;
create policy tenant_wall on phoenix.host_ports to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.host_ports to phoenix_platform using (true) with check (true);
create policy worker on phoenix.host_ports to phoenix_worker using (true) with check (true);
revoke all on phoenix.host_ports from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.host_ports to phoenix_tenant, phoenix_platform;
grant select, delete on phoenix.host_ports to phoenix_worker;

-- Any resource of a tenant, whatever its kind; further kinds join by union.
create view phoenix.resources with (security_invoker = true) as
  select id, tenant_id, name, 'VM'::text as type,
         case when state = 'RUNNING' then 'RUNNING'
              when state in ('STOPPED', 'PAUSED') then 'STOPPED'
              when state in ('PENDING', 'PROVISIONING', 'STARTING', 'STOPPING', 'DELETING') then 'PENDING'
              else 'ERROR' end as status,
         site_id,
         jsonb_build_object('vcpus', vcpus, 'memoryMib', memory_mib, 'diskGib', disk_gib) as metadata,
         created_at, updated_at
    from phoenix.virtual_machines;
grant select on phoenix.resources to phoenix_tenant, phoenix_platform;

-- migrate: down
-- down-guard: select id from phoenix.virtual_machines
drop view phoenix.resources;
drop table phoenix.host_ports;
drop table phoenix.virtual_machines;
