-- $1 tenant, then an array each, in the order of the events: $2 types, $3 objects, $4 kinds, $5 versions
insert into phoenix.event_inbox (tenant_id, type, object_id, kind, version)
select $1, e.type, e.id, e.kind, e.version
  from unnest($2::text[], $3::uuid[], $4::text[], $5::bigint[]) with ordinality as e (type, id, kind, version, place)
 order by e.place
