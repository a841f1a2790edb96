-- $1 id
select id, tenant_id, kind, state, object_type, object_id, object_name, progress, step, attempts, reason, next_action,
       requested_by, work_queue, work_key, time_allowed, deadline_at, cancel_requested_at, retry_at, created_at,
       started_at, finished_at, version
  from phoenix.operations where id = $1
