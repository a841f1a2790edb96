-- $1 tenant, $2 dimensions. In the order of their names, so that nobody waits in a circle.
select dimension, used, maximum from phoenix.quotas
 where tenant_id = $1 and dimension = any ($2) order by dimension for update
