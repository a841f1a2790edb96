-- $1 tenant, $2 principal, $3 key, $4 request hash. A concurrent duplicate waits here for the first to end.
insert into phoenix.idempotency_keys (tenant_id, principal, key, request_hash) values ($1, $2, $3, $4)
on conflict on constraint idempotency_keys_once do nothing
