-- $1 tenant, $2 principal, $3 key, $4 response
update phoenix.idempotency_keys set response = $4
 where (tenant_id = $1 or (tenant_id is null and $1::uuid is null)) and principal = $2 and key = $3
