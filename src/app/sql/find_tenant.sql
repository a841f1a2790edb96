-- $1 id or name
select id from phoenix.tenants where id::text = $1 or name = $1
