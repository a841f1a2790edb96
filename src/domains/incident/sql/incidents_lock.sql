select id, tenant_id, reference, title, severity, status, affected_services, impact, root_cause, resolution,
       virtual_machine_id, virtual_machine_name, declared_by, commander, started_at, declared_at, response_due_at,
       responded_at, resolution_due_at, identified_at, monitoring_since, monitoring_until, resolved_at, relapses, version
  from phoenix.incidents
 where id = any($1)
 order by id
   for update
