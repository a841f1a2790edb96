-- min-binary: 1
-- What lists offer must be cheap at any depth, in a tenant and over all tenants (src/api/verify.hpp): an index for each
-- order, and for each to-many relation one led by its key, since nothing else narrows it in platform scope.
create index virtual_machines_name on phoenix.virtual_machines (name, id);
create index incidents_number on phoenix.incidents (number, id);
create index incidents_severity on phoenix.incidents (severity, id);
create index incidents_tenant_severity on phoenix.incidents (tenant_id, severity, id);
create index audit_log_tenant_id on phoenix.audit_log (tenant_id, id);

create index operations_object on phoenix.operations (object_id, created_at, id);
create index alerts_of_incident on phoenix.alerts (incident_id) where incident_id is not null;
create index alerts_of_machine on phoenix.alerts (virtual_machine_id) where virtual_machine_id is not null;
create index incident_entries_of_incident on phoenix.incident_entries (incident_id, at, id);

-- migrate: down
-- down-guard: none
drop index phoenix.virtual_machines_name, phoenix.incidents_number, phoenix.incidents_severity,
  phoenix.incidents_tenant_severity, phoenix.audit_log_tenant_id, phoenix.operations_object,
  phoenix.alerts_of_incident, phoenix.alerts_of_machine, phoenix.incident_entries_of_incident;
