-- $1 tenant, $2 tier, $3 ids, one for each dimension
insert into phoenix.quotas (id, tenant_id, dimension, maximum)
select ($3::uuid[])[row_number() over (order by dimension)], $1, dimension, maximum
  from phoenix.quota_defaults where tier = $2
on conflict on constraint quotas_one_per_dimension do nothing
