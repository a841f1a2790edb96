-- $1 alerts, $2 the incident of each
update phoenix.alerts a
   set incident_id = l.incident, version = a.version + 1
  from unnest($1::uuid[], $2::uuid[]) as l (id, incident)
 where a.id = l.id
returning a.id, a.version
