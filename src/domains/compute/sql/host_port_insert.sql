insert into phoenix.host_ports (site_id, protocol, port, tenant_id, virtual_machine_id) values ($1, $2, $3, $4, $5)
