-- $1 id, then all that may change
update phoenix.operations
   set state = $2, progress = $3, step = $4, attempts = $5, reason = $6, next_action = $7, deadline_at = $8,
       cancel_requested_at = $9, retry_at = $10, started_at = $11, finished_at = $12, version = $13
 where id = $1
