-- $1 indexes
select l.index, l.leaf_hash, a.id, a.at, a.tenant_id, a.actor, a.on_behalf_of, a.remote_address, a.action,
       a.object_type, a.object_id, a.outcome, a.request_id, a.canonical, a.content, a.salt
  from phoenix.audit_leaves l join phoenix.audit_log a on a.id = l.audit_id
 where l.index = any ($1::bigint[])
 order by l.index
