select m.id, m.tenant_id from phoenix.virtual_machines m where m.id = $1
