select tenant_id, name from phoenix.virtual_machines where id = $1
