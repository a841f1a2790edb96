select id from phoenix.virtual_machines where id = any($1)
