-- Nothing is inserted when an open incident of the same tenant has the same correlation key.
insert into phoenix.incidents
  (id, tenant_id, number, reference, title, severity, status, affected_services, impact, channel, virtual_machine_id,
   virtual_machine_name, origin, correlation_key, declared_by, started_at, declared_at, response_due_at,
   resolution_due_at)
values ($1, $2, $3, $4, $5, $6, 'INVESTIGATING', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
on conflict (tenant_id, correlation_key) where status <> 'RESOLVED' and correlation_key is not null do nothing
