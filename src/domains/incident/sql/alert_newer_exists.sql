select 1 from phoenix.alerts
 where tenant_id is not distinct from $1 and source = $2 and fingerprint = $3 and starts_at > $4
 limit 1
