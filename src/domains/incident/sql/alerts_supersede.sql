-- A newer occurrence of the same fingerprint means that the older one ended, though nobody told us. $1 tenant,
-- $2 sources, $3 fingerprints, $4 their starts. Rows are locked in one order for everybody.
with delivered as (
  select source, fingerprint, started::timestamptz as starts_at
    from unnest($2::text[], $3::text[], $4::text[]) as d (source, fingerprint, started)
), older as (
  select a.id, min(d.starts_at) as followed_at
    from phoenix.alerts a
    join delivered d on d.source = a.source and d.fingerprint = a.fingerprint and d.starts_at > a.starts_at
   where (a.tenant_id = $1 or ($1::uuid is null and a.tenant_id is null)) and a.fingerprint = any($3)
     and a.status = 'FIRING'
   group by a.id
), locked as (
  select a.id from phoenix.alerts a where a.id in (select id from older) order by a.fingerprint, a.starts_at for update
)
update phoenix.alerts a
   set status = 'RESOLVED', ends_at = older.followed_at, version = a.version + 1
  from older join locked using (id)
 where a.id = older.id and a.status = 'FIRING'
returning a.id, a.incident_id, a.version
