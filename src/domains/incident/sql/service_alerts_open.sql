-- What this instance ($1) said of our own services and has not taken back.
select fingerprint, labels, annotations, starts_at
  from phoenix.alerts
 where tenant_id is null and source = 'probe' and status = 'FIRING' and labels->>'instance' = $1
 order by starts_at
