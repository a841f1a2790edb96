-- $1 tenant, $2 machines: those of them that are the tenant's
select id, name from phoenix.virtual_machines where tenant_id = $1 and id = any($2)
