update phoenix.incidents i
   set severity = d.severity, status = d.status, commander = d.commander, response_due_at = d.response_due_at,
       responded_at = d.responded_at, resolution_due_at = d.resolution_due_at, identified_at = d.identified_at,
       monitoring_since = d.monitoring_since, monitoring_until = d.monitoring_until, resolved_at = d.resolved_at,
       relapses = d.relapses, title = d.title, affected_services = d.affected_services, impact = d.impact,
       root_cause = d.root_cause, resolution = d.resolution, updated_at = phoenix.now(), version = i.version + 1
  from jsonb_to_recordset($1::jsonb) as d (id uuid, severity text, status text, commander text,
                                           response_due_at timestamptz, responded_at timestamptz,
                                           resolution_due_at timestamptz, identified_at timestamptz,
                                           monitoring_since timestamptz, monitoring_until timestamptz,
                                           resolved_at timestamptz, relapses integer, title text,
                                           affected_services text[], impact text, root_cause text, resolution text)
 where i.id = d.id
returning i.id, i.version
