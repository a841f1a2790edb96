-- min-binary: 1
-- Incidents, their timeline and the alerts behind them. tenant_id is null for what concerns the platform itself; the
-- tenants' policies never match null, so tenants do not see those.
create table phoenix.incidents (
  id uuid primary key,
  tenant_id uuid references phoenix.tenants (id),
  -- Counted per tenant: a common counter would tell one tenant how many incidents the others have.
  number integer not null,
  reference text collate "C" not null,
  title text not null check (char_length(title) between 1 and 200),
  severity text collate "C" not null check (severity in ('P0', 'P1', 'P2', 'P3')),
  status text not null check (status in ('INVESTIGATING', 'IDENTIFIED', 'MONITORING', 'RESOLVED')),
  affected_services text[] not null default '{}',
  impact text not null default '',
  root_cause text not null default '',
  resolution text not null default '',
  channel text not null,
  virtual_machine_id uuid,
  virtual_machine_name text not null default '',
  origin text not null check (origin in ('alert', 'manual')),
  -- What makes two signals the same incident: the caller's key, or the rule's grouping of an alert.
  correlation_key text,
  declared_by text not null,
  commander text,
  started_at timestamptz not null,
  declared_at timestamptz not null,
  response_due_at timestamptz not null,
  responded_at timestamptz,
  resolution_due_at timestamptz not null,
  identified_at timestamptz,
  monitoring_since timestamptz,
  monitoring_until timestamptz,
  resolved_at timestamptz,
  relapses integer not null default 0,
  created_at timestamptz not null default phoenix.now(),
  updated_at timestamptz not null default phoenix.now(),
  version integer not null default 1,
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, number),
  foreign key (tenant_id, virtual_machine_id) references phoenix.virtual_machines (tenant_id, id)
    on delete set null (virtual_machine_id)
);
create index incidents_tenant_started on phoenix.incidents (tenant_id, started_at, id);
create index incidents_started on phoenix.incidents (started_at, id);
-- One open incident per correlation key and tenant, whoever declares it, however often.
create unique index incidents_open_correlation on phoenix.incidents (tenant_id, correlation_key) nulls not distinct
  where status <> 'RESOLVED' and correlation_key is not null;

create table phoenix.incident_counters (
  tenant_id uuid primary key,  -- the nil UUID counts the platform's own
  last integer not null
);

create table phoenix.alerts (
  id uuid primary key,
  tenant_id uuid references phoenix.tenants (id),
  source text not null check (source in ('alertmanager', 'probe', 'manual')),
  fingerprint text collate "C" not null check (fingerprint ~ '^[0-9a-f]{16}$'),
  status text not null check (status in ('FIRING', 'RESOLVED')),
  name text not null,
  summary text not null default '',
  labels jsonb not null,
  annotations jsonb not null default '{}',
  starts_at timestamptz not null,
  ends_at timestamptz,
  received_at timestamptz not null default phoenix.now(),
  deliveries integer not null default 1,
  incident_id uuid,
  virtual_machine_id uuid,
  version integer not null default 1,
  unique (tenant_id, id),
  -- One row per occurrence. A late delivery of an occurrence that has ended meets the ended row and changes nothing.
  unique nulls not distinct (tenant_id, source, fingerprint, starts_at),
  foreign key (tenant_id, incident_id) references phoenix.incidents (tenant_id, id),
  foreign key (tenant_id, virtual_machine_id) references phoenix.virtual_machines (tenant_id, id)
    on delete set null (virtual_machine_id)
);
create index alerts_tenant_received on phoenix.alerts (tenant_id, received_at, id);
create index alerts_received on phoenix.alerts (received_at, id);
create index alerts_incident on phoenix.alerts (tenant_id, incident_id);
create index alerts_machine on phoenix.alerts (tenant_id, virtual_machine_id);

create table phoenix.incident_entries (
  id uuid primary key,
  tenant_id uuid references phoenix.tenants (id),
  incident_id uuid not null,
  at timestamptz not null,
  kind text not null check (kind in ('declared', 'alert', 'status', 'severity', 'note', 'action', 'response')),
  body text not null,
  actor text not null,
  version integer not null default 1,
  unique (tenant_id, id),
  foreign key (tenant_id, incident_id) references phoenix.incidents (tenant_id, id)
);
create index incident_entries_incident on phoenix.incident_entries (tenant_id, incident_id, at, id);

do $$
declare
  t text;
begin
  foreach t in array array['incidents', 'incident_counters', 'alerts', 'incident_entries'] loop
    execute format('alter table phoenix.%I enable row level security', t);
    execute format('create policy tenant_wall on phoenix.%I to phoenix_tenant
      using (tenant_id = current_setting(''phoenix.tenant_id'')::uuid)
      with check (tenant_id = current_setting(''phoenix.tenant_id'')::uuid)', t);
    execute format('create policy platform on phoenix.%I to phoenix_platform using (true) with check (true)', t);
    execute format('create policy worker on phoenix.%I to phoenix_worker using (true) with check (true)', t);
  end loop;
end $$;
-- Tables are born open to platform and workers; these get what they need.
revoke all on phoenix.incidents, phoenix.incident_counters, phoenix.alerts, phoenix.incident_entries
  from phoenix_platform, phoenix_worker;
grant select, insert, update on phoenix.incidents, phoenix.incident_counters, phoenix.alerts
  to phoenix_tenant, phoenix_platform, phoenix_worker;
-- The timeline is only ever added to.
grant select, insert on phoenix.incident_entries to phoenix_tenant, phoenix_platform, phoenix_worker;

-- migrate: down
-- down-guard: select id from phoenix.incidents
drop table phoenix.incident_entries;
drop table phoenix.alerts;
drop table phoenix.incident_counters;
drop table phoenix.incidents;
