-- Takes what is visible out of the inbox, in id order. $1 ids up to this were looked at, $2 at most.
with taken as (
  delete from phoenix.audit_inbox
   where id in (select id from phoenix.audit_inbox where id > $1 order by id limit $2)
  returning id, audit_id
)
select t.id as inbox_id, t.audit_id, a.canonical,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax
  from taken t join phoenix.audit_log a on a.id = t.audit_id
 order by t.id
