-- One row per occurrence. An occurrence that has ended stays ended, whatever arrives late; `fresh` tells a first
-- delivery, `ended` that this one ended it. $1 tenant, $2 the occurrences, each once, $3 their fingerprints.
with delivered as (
  select *
    from jsonb_to_recordset($2::jsonb) as d (id uuid, source text, fingerprint text, status text, name text,
                                             summary text, labels jsonb, annotations jsonb, starts_at timestamptz,
                                             ends_at timestamptz, machine uuid, deliveries integer)
), known as (
  select a.id, a.status
    from phoenix.alerts a
    join delivered d on d.source = a.source and d.fingerprint = a.fingerprint and d.starts_at = a.starts_at
   where (a.tenant_id = $1 or ($1::uuid is null and a.tenant_id is null)) and a.fingerprint = any($3)
), taken as (
  insert into phoenix.alerts as a
    (id, tenant_id, source, fingerprint, status, name, summary, labels, annotations, starts_at, ends_at,
     virtual_machine_id, deliveries)
  select id, $1, source, fingerprint, status, name, summary, labels, annotations, starts_at, ends_at, machine,
         deliveries
    from delivered
   order by fingerprint collate "C", starts_at
  on conflict (tenant_id, source, fingerprint, starts_at) do update
     set deliveries = a.deliveries + excluded.deliveries,
         annotations = case when a.status = 'FIRING' then excluded.annotations else a.annotations end,
         summary = case when a.status = 'FIRING' then excluded.summary else a.summary end,
         ends_at = case when a.status = 'FIRING' then excluded.ends_at else a.ends_at end,
         status = case when a.status = 'FIRING' then excluded.status else a.status end,
         version = a.version + 1
  returning a.id, a.source, a.fingerprint, a.starts_at, a.status, a.incident_id, a.version, a.xmax = 0 as fresh
)
select t.id, t.status, t.incident_id, t.version, t.fresh,
       not t.fresh and t.status = 'RESOLVED' and coalesce(k.status, 'FIRING') = 'FIRING' as ended
  from taken t left join known k on k.id = t.id
 order by t.source collate "C", t.fingerprint collate "C", t.starts_at
