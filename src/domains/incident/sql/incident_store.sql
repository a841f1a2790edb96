update phoenix.incidents
   set severity = $2, status = $3, commander = $4, response_due_at = $5, responded_at = $6, resolution_due_at = $7,
       identified_at = $8, monitoring_since = $9, monitoring_until = $10, resolved_at = $11, relapses = $12,
       title = $13, affected_services = $14, impact = $15, root_cause = $16, resolution = $17,
       updated_at = phoenix.now(), version = version + 1
 where id = $1
returning version
