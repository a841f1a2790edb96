select id, name, state from phoenix.virtual_machines where id = $1
