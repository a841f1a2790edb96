-- $1 id, $2 tenant, $3 service account, $4 prefix, $5 digest, $6 scopes, $7 allowed networks, $8 who makes it,
-- $9 when it ends, or null
insert into phoenix.api_keys
  (id, tenant_id, service_account_id, prefix, digest, scopes, allowed_addresses, created_by, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
