select count(*)::bigint as total, count(*) filter (where status = 'FIRING')::bigint as firing
  from phoenix.alerts
 where incident_id = $1
