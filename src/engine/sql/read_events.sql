-- $1 after this number, $2 at most
select seq, tenant_id, type, object_id, kind, version, payload, at from phoenix.events where seq > $1 order by seq limit $2
