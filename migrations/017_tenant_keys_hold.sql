-- min-binary: 1
-- The keys of 015 hold for the rows that were there before it. Reading and writing goes on meanwhile.

alter table phoenix.event_inbox validate constraint event_inbox_tenant_fkey;
alter table phoenix.operations validate constraint operations_tenant_fkey;
alter table phoenix.work_queue validate constraint work_queue_tenant_fkey;
alter table phoenix.idempotency_keys validate constraint idempotency_keys_tenant_fkey;
alter table phoenix.audit_log validate constraint audit_log_tenant_fkey;
alter table phoenix.quotas validate constraint quotas_tenant_fkey;

-- migrate: down
-- down-guard: none
-- Nothing to take back: the keys themselves go with 015.
select 1;
