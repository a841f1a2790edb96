-- $1 id, $2 tenant, $3 actor, $4 on behalf of, $5 address, $6 action, $7 object type, $8 object, $9 before, $10 after,
-- $11 outcome, $12 request id, $13 canonical's head, $14 canonical's tail, $15 content, $16 salt
insert into phoenix.audit_log (id, at, tenant_id, actor, on_behalf_of, remote_address, action, object_type, object_id,
                               before, after, outcome, request_id, canonical, content, salt)
select $1, t.at, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
       $13 || int8send((extract(epoch from t.at) * 1000000)::bigint) || $14, $15, $16
  from (select phoenix.now() as at) t
