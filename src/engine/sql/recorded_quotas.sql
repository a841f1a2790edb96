select tenant_id, dimension, used from phoenix.quotas order by tenant_id, dimension
