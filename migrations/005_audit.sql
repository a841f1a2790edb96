-- min-binary: 1
-- Who did what. Rows are only added. canonical is what a Merkle log will hash, as stored; content and salt may be
-- cleared to forget, canonical stays. See src/engine/audit.hpp.

create table phoenix.audit_log (
  id uuid primary key,
  at timestamptz not null,
  tenant_id uuid,
  actor text not null,
  on_behalf_of text,
  remote_address text,
  action text collate "C" not null,
  object_type text collate "C",
  object_id uuid,
  before jsonb,
  after jsonb,
  outcome text collate "C" not null check (outcome ~ '^[A-Z_]{2,40}$'),
  request_id text not null,
  canonical bytea not null,
  content bytea,
  salt bytea check (octet_length(salt) = 32),
  constraint audit_log_content_and_salt check ((content is null) = (salt is null))
);
create index audit_log_tenant_at on phoenix.audit_log (tenant_id, at, id);
create index audit_log_tenant_object on phoenix.audit_log (tenant_id, object_id, at, id);
create index audit_log_at on phoenix.audit_log (at, id);

alter table phoenix.audit_log enable row level security;
create policy tenant_wall on phoenix.audit_log to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.audit_log to phoenix_platform using (true) with check (true);
create policy worker on phoenix.audit_log to phoenix_worker using (true) with check (true);
-- Not even platform or workers may change or remove a line.
revoke all on phoenix.audit_log from phoenix_platform, phoenix_worker;
grant select, insert on phoenix.audit_log to phoenix_tenant, phoenix_platform, phoenix_worker;

-- migrate: down
-- down-guard: select 1 from phoenix.audit_log
drop table phoenix.audit_log;
