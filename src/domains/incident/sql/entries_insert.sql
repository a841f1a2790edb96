-- $1 tenant, $2 ids, $3 incidents, $4 kinds, $5 texts, $6 actors
insert into phoenix.incident_entries (id, tenant_id, incident_id, at, kind, body, actor)
select e.id, $1, e.incident, phoenix.now(), e.kind, e.body, e.actor
  from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[]) as e (id, incident, kind, body, actor)
