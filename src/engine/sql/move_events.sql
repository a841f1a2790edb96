-- Numbers what is visible in the inbox, in id order, and announces it. $1 ids up to this were looked at, $2 at most.
with moved as (
  delete from phoenix.event_inbox
   where id in (select id from phoenix.event_inbox where id > $1 order by id limit $2)
  returning id, tenant_id, type, object_id, kind, version, payload, at
), numbered as (
  insert into phoenix.events (seq, tenant_id, type, object_id, kind, version, payload, at)
  select l.head + row_number() over (order by m.id), m.tenant_id, m.type, m.object_id, m.kind, m.version, m.payload, m.at
    from moved m cross join phoenix.event_log l
  returning 1
), counted as (
  select count(*) as n, max(id) as last_id from moved
), advanced as (
  update phoenix.event_log set head = head + counted.n from counted where counted.n > 0 returning head, epoch
)
select c.n, coalesce(c.last_id, 0) as last_id,
       (select a.head from advanced a) as head,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax,
       (select pg_notify('phoenix_events', a.epoch || ':' || a.head)::text from advanced a) as announced
  from counted c
