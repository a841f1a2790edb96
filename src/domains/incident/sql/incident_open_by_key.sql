select id from phoenix.incidents
 where tenant_id is not distinct from $1 and correlation_key = $2 and status <> 'RESOLVED'
   for update
