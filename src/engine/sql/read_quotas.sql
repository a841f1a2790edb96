-- $1 tenant
select dimension, used, maximum from phoenix.quotas where tenant_id = $1 order by dimension
