-- A page of machines by id, for the worker's round.
select id, tenant_id from phoenix.virtual_machines where id > $1 order by id limit 500
