-- min-binary: 1
-- What names a tenant names one that exists. Not valid for old rows yet: 017 looks at those, in a
-- transaction of its own, so that this one's locks are held for a glance at the catalogue only.
--
-- Not on events: its rows come from event_inbox alone, and dropping a partition would lock tenants against everybody.

alter table phoenix.event_inbox add constraint event_inbox_tenant_fkey
  foreign key (tenant_id) references phoenix.tenants (id) not valid;
alter table phoenix.operations add constraint operations_tenant_fkey
  foreign key (tenant_id) references phoenix.tenants (id) not valid;
alter table phoenix.work_queue add constraint work_queue_tenant_fkey
  foreign key (tenant_id) references phoenix.tenants (id) not valid;
alter table phoenix.idempotency_keys add constraint idempotency_keys_tenant_fkey
  foreign key (tenant_id) references phoenix.tenants (id) not valid;
alter table phoenix.audit_log add constraint audit_log_tenant_fkey
  foreign key (tenant_id) references phoenix.tenants (id) not valid;
alter table phoenix.quotas add constraint quotas_tenant_fkey
  foreign key (tenant_id) references phoenix.tenants (id) not valid;

-- migrate: down
-- down-guard: none
alter table phoenix.quotas drop constraint quotas_tenant_fkey;
alter table phoenix.audit_log drop constraint audit_log_tenant_fkey;
alter table phoenix.idempotency_keys drop constraint idempotency_keys_tenant_fkey;
alter table phoenix.work_queue drop constraint work_queue_tenant_fkey;
alter table phoenix.operations drop constraint operations_tenant_fkey;
alter table phoenix.event_inbox drop constraint event_inbox_tenant_fkey;
