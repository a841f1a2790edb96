-- The newest occurrence we know of each fingerprint. $1 tenant, $2 fingerprints. The tenant is compared in a way that
-- the index serves for null, too; "is not distinct from" would read the whole table.
select source, fingerprint, max(starts_at) as starts_at
  from phoenix.alerts
 where (tenant_id = $1 or ($1::uuid is null and tenant_id is null)) and fingerprint = any($2)
 group by source, fingerprint
