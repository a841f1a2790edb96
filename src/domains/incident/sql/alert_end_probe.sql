-- The probe's alert about a machine ends with the trouble.
update phoenix.alerts
   set status = 'RESOLVED', ends_at = phoenix.now(), version = version + 1
 where tenant_id = $1 and virtual_machine_id = $2 and source = 'probe' and status = 'FIRING'
returning id, incident_id, version
