-- What we said of our own services and have not taken back.
select labels->>'service' as service, labels->>'instance' as instance, starts_at
  from phoenix.alerts
 where tenant_id is null and source = 'probe' and name = 'ServiceDown' and status = 'FIRING'
 order by starts_at
