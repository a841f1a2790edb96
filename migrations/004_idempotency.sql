-- min-binary: 1
-- The same request sent twice is done once. See src/engine/idempotency.hpp. Keys may be lost on the way down: a client
-- that repeats a request across a downgrade is told the truth by the objects' own unique names.

create table phoenix.idempotency_keys (
  id bigint generated always as identity primary key,
  tenant_id uuid,
  principal text collate "C" not null,
  key text collate "C" not null check (length(key) between 1 and 200),
  request_hash bytea not null check (octet_length(request_hash) = 32),
  response jsonb,
  created_at timestamptz not null default phoenix.now(),
  constraint idempotency_keys_once unique nulls not distinct (tenant_id, principal, key)
) with (fillfactor = 70);
create index idempotency_keys_created on phoenix.idempotency_keys (created_at);

alter table phoenix.idempotency_keys enable row level security;
create policy tenant_wall on phoenix.idempotency_keys to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.idempotency_keys to phoenix_platform using (true) with check (true);
create policy worker on phoenix.idempotency_keys to phoenix_worker using (true) with check (true);
revoke all on phoenix.idempotency_keys from phoenix_platform, phoenix_worker;
grant select, insert, update (response) on phoenix.idempotency_keys to phoenix_tenant, phoenix_platform, phoenix_worker;
grant delete on phoenix.idempotency_keys to phoenix_worker;

-- migrate: down
-- down-guard: none
-- down-guard: select 1 from phoenix.idempotency_keys
drop table phoenix.idempotency_keys;
