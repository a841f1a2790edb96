insert into phoenix.incident_entries (id, tenant_id, incident_id, at, kind, body, actor)
values ($1, $2, $3, phoenix.now(), $4, $5, $6)
