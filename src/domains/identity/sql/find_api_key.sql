-- $1 prefix, $2 where it comes from, or null for this machine's own socket. Prefixes are short: the caller compares digests.
select k.id as key_id, k.digest, k.scopes, k.expires_at, a.id, a.name, a.role, t.id as tenant, t.name as tenant_name,
       coalesce(k.expires_at <= phoenix.now(), false) as ended,
       cardinality(k.allowed_addresses) = 0
         or exists (select from unnest(k.allowed_addresses) allowed where $2::text::inet <<= allowed::inet) as welcome,
       k.last_used_at is null or k.last_used_at < phoenix.now() - interval '1 minute' as touch
  from phoenix.api_keys k
  join phoenix.service_accounts a on a.id = k.service_account_id
  join phoenix.tenants t on t.id = k.tenant_id
 where k.prefix = $1
