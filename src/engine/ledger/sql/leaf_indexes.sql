-- $1 tenant, $2 below this index
select l.index from phoenix.audit_log a join phoenix.audit_leaves l on l.audit_id = a.id
 where a.tenant_id = $1 and l.index < $2
 order by l.index
