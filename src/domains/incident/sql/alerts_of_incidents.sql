-- $1 tenant, $2 incidents
select incident_id, count(*)::bigint as total, count(*) filter (where status = 'FIRING')::bigint as firing
  from phoenix.alerts
 where (tenant_id = $1 or ($1::uuid is null and tenant_id is null)) and incident_id = any($2)
 group by incident_id
