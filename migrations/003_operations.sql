-- min-binary: 1
-- Durable operations, and the queue of live work that drives them. See src/engine/operations.hpp and work_queue.hpp.

create table phoenix.operations (
  id uuid primary key,
  tenant_id uuid,
  kind text collate "C" not null check (kind ~ '^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$'),
  state text collate "C" not null
    check (state in ('PENDING', 'RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  object_type text collate "C" not null,
  object_id uuid not null,
  object_name text not null,
  progress integer not null default 0 check (progress between 0 and 100),
  step text not null,
  attempts integer not null default 0 check (attempts >= 0),
  reason text,
  next_action text,
  requested_by text not null,
  work_queue text collate "C" not null,
  work_key text collate "C" not null,
  time_allowed interval not null check (time_allowed > interval '0'),
  deadline_at timestamptz not null,
  cancel_requested_at timestamptz,
  retry_at timestamptz,
  created_at timestamptz not null default phoenix.now(),
  started_at timestamptz,
  finished_at timestamptz,
  version integer not null default 1,
  constraint operations_finished_check
    check ((state in ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at is not null)),
  constraint operations_failed_says_why check (state <> 'FAILED' or (reason is not null and next_action is not null)),
  constraint operations_waiting_check check ((state = 'WAITING') = (retry_at is not null)),
  unique (tenant_id, id)
);
create index operations_tenant_created on phoenix.operations (tenant_id, created_at, id);
create index operations_tenant_object on phoenix.operations (tenant_id, object_id, created_at, id);
create index operations_created on phoenix.operations (created_at, id);
create index operations_live_object on phoenix.operations (object_id)
  where state in ('PENDING', 'RUNNING', 'WAITING');
create index operations_live_deadline on phoenix.operations (deadline_at)
  where state in ('PENDING', 'RUNNING', 'WAITING');

alter table phoenix.operations enable row level security;
create policy tenant_wall on phoenix.operations to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.operations to phoenix_platform using (true) with check (true);
create policy worker on phoenix.operations to phoenix_worker using (true) with check (true);
revoke all on phoenix.operations from phoenix_platform, phoenix_worker;
grant select, insert on phoenix.operations to phoenix_tenant, phoenix_platform, phoenix_worker;
grant update (state, progress, step, attempts, reason, next_action, deadline_at, cancel_requested_at, retry_at,
              started_at, finished_at, version)
  on phoenix.operations to phoenix_tenant, phoenix_platform, phoenix_worker;

-- Rises with every claim of anything, so that a fence never comes again, not even for a key used anew.
create sequence phoenix.work_fences cache 1;
revoke all on sequence phoenix.work_fences from phoenix_tenant, phoenix_platform, phoenix_worker;
grant usage on sequence phoenix.work_fences to phoenix_worker;

create table phoenix.work_queue (
  id bigint generated always as identity primary key,
  tenant_id uuid,
  queue text collate "C" not null check (queue ~ '^[a-z][a-z0-9_.]{0,62}$'),
  key text collate "C" not null check (length(key) between 1 and 200),
  run_at timestamptz not null,
  payload jsonb not null default '{}',
  generation bigint not null default 1,
  attempts bigint not null default 0,
  -- While it is in somebody's hands: the claim's number, and the generation that was claimed.
  fence bigint,
  claimed_generation bigint,
  -- No index may hold this column: a heartbeat must not touch one.
  lease_until timestamptz,
  reason text,
  constraint work_queue_one_per_key unique nulls not distinct (tenant_id, queue, key)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create index work_queue_due on phoenix.work_queue (queue, run_at, id);

alter table phoenix.work_queue enable row level security;
create policy tenant_wall on phoenix.work_queue to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.work_queue to phoenix_platform using (true) with check (true);
create policy worker on phoenix.work_queue to phoenix_worker using (true) with check (true);
revoke all on phoenix.work_queue from phoenix_platform, phoenix_worker;
-- Whoever asks for work may bring it forward, but neither claim nor remove it.
grant select, insert, update (run_at, payload, generation, attempts, reason)
  on phoenix.work_queue to phoenix_tenant, phoenix_platform;
grant select, insert, update, delete on phoenix.work_queue to phoenix_worker;

-- migrate: down
-- down-guard: select 1 from phoenix.operations union all select 1 from phoenix.work_queue
drop table phoenix.work_queue;
drop sequence phoenix.work_fences;
drop table phoenix.operations;
