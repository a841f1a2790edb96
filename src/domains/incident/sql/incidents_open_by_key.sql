-- $1 tenant, $2 correlation keys
select id, correlation_key
  from phoenix.incidents
 where (tenant_id = $1 or ($1::uuid is null and tenant_id is null)) and correlation_key = any($2)
   and status <> 'RESOLVED'
 order by id
   for update
