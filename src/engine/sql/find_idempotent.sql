-- $1 tenant, $2 principal, $3 key
select request_hash, response from phoenix.idempotency_keys
 where (tenant_id = $1 or (tenant_id is null and $1::uuid is null)) and principal = $2 and key = $3
