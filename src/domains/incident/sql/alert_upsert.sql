-- One row per occurrence. An occurrence that has ended stays ended, whatever arrives late; `fresh` tells a first
-- delivery, `changed` a change of status.
insert into phoenix.alerts as a
  (id, tenant_id, source, fingerprint, status, name, summary, labels, annotations, starts_at, ends_at, virtual_machine_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (tenant_id, source, fingerprint, starts_at) do update
   set deliveries = a.deliveries + 1,
       annotations = case when a.status = 'FIRING' then excluded.annotations else a.annotations end,
       summary = case when a.status = 'FIRING' then excluded.summary else a.summary end,
       ends_at = case when a.status = 'FIRING' then excluded.ends_at else a.ends_at end,
       status = case when a.status = 'FIRING' then excluded.status else a.status end,
       version = a.version + 1
returning id, status, incident_id, version, xmax = 0 as fresh
