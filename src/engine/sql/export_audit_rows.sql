-- A page of the audit trail, oldest first. After $1 at, $2 id; before $3. Nulls filter nothing: $4 actor and $5 action
-- contain it, $6 object, $7 outcome. $8 at most
select id, at, tenant_id, actor, on_behalf_of, remote_address, action, object_type, object_id, outcome, request_id,
       before::text as before, after::text as after
  from phoenix.audit_log
 where at >= $1 and (at, id) > ($1, $2) and at < $3
   and ($4::text is null or position(lower($4) in lower(actor)) > 0)
   and ($5::text is null or position(lower($5) in lower(action)) > 0)
   and ($6::uuid is null or object_id = $6)
   and ($7::text is null or outcome = $7)
 order by at, id
 limit $8
