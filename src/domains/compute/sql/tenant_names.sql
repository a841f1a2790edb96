select id, name from phoenix.tenants where id = any($1)
