-- $1 tenant, $2 the incidents. One is left out when an open incident of the same tenant has its correlation key.
insert into phoenix.incidents
  (id, tenant_id, number, reference, title, severity, status, affected_services, impact, channel, virtual_machine_id,
   virtual_machine_name, origin, correlation_key, declared_by, started_at, declared_at, response_due_at,
   resolution_due_at)
select id, $1, number, reference, title, severity, 'INVESTIGATING', affected_services, impact, channel, machine,
       machine_name, origin, correlation_key, declared_by, started_at, declared_at, response_due_at, resolution_due_at
  from jsonb_to_recordset($2::jsonb) as d (id uuid, number integer, reference text, title text, severity text,
                                           affected_services text[], impact text, channel text, machine uuid,
                                           machine_name text, origin text, correlation_key text, declared_by text,
                                           started_at timestamptz, declared_at timestamptz,
                                           response_due_at timestamptz, resolution_due_at timestamptz)
 order by correlation_key collate "C"
on conflict (tenant_id, correlation_key) where status <> 'RESOLVED' and correlation_key is not null do nothing
returning id
