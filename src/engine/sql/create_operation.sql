-- $1 id, $2 tenant, $3 kind, $4 object type, $5 object, $6 its name, $7 step, $8 requested by, $9 queue, $10 key, $11 time
insert into phoenix.operations (id, tenant_id, kind, state, object_type, object_id, object_name, step, requested_by,
                                work_queue, work_key, time_allowed, deadline_at)
values ($1, $2, $3, 'PENDING', $4, $5, $6, $7, $8, $9, $10, $11, phoenix.now() + $11)
returning id, tenant_id, kind, state, object_type, object_id, object_name, progress, step, attempts, reason, next_action,
       requested_by, work_queue, work_key, time_allowed, deadline_at, cancel_requested_at, retry_at, created_at,
       started_at, finished_at, version
