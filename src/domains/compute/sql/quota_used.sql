-- What compute holds of each tenant's quota, counted from the machines themselves.
select m.tenant_id, d.dimension, sum(d.amount)::bigint as used
  from phoenix.virtual_machines m
 cross join lateral (values ('vcpus', m.vcpus::bigint), ('memory_mib', m.memory_mib::bigint), ('instances', 1::bigint),
                            ('storage_gib', m.disk_gib::bigint)) as d (dimension, amount)
 group by m.tenant_id, d.dimension
