-- $1 tenant, $2 dimensions, $3 amounts to add
update phoenix.quotas q set used = q.used + c.amount, updated_at = phoenix.now()
  from unnest($2::text[], $3::bigint[]) as c (dimension, amount)
 where q.tenant_id = $1 and q.dimension = c.dimension
