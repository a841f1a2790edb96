-- $1 tenant, $2 dimension, $3 maximum
update phoenix.quotas set maximum = $3, updated_at = phoenix.now() where tenant_id = $1 and dimension = $2
