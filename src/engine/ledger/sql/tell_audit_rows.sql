-- $1 audit ids, in the order of their leaves
insert into phoenix.event_inbox (tenant_id, type, object_id, kind, version)
select a.tenant_id, 'AuditEntry', a.id, 'CREATED', 1
  from unnest($1::uuid[]) with ordinality as w (id, place) join phoenix.audit_log a on a.id = w.id
 order by w.place
