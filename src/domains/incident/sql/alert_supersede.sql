-- A newer occurrence of the same fingerprint means that the older one ended, though nobody told us.
update phoenix.alerts
   set status = 'RESOLVED', ends_at = $4, version = version + 1
 where tenant_id is not distinct from $1 and source = $2 and fingerprint = $3 and status = 'FIRING' and starts_at < $4
returning id, incident_id, version
