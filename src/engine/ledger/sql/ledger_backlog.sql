-- What waits to become a leaf. $1 inbox ids up to this were looked at.
select (select i.at from phoenix.audit_inbox i where i.id > $1 order by i.id limit 1) as oldest,
       phoenix.now() as now,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax
