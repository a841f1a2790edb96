insert into phoenix.virtual_machines
  (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib, ssh_keys, user_data, port_forwards,
   desired_state, generation, start_generation, state, state_since, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'RUNNING', 1, 1, 'PENDING', phoenix.now(), $12)
