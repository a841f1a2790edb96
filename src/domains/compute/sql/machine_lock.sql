-- The same, its row locked until the transaction ends.
select m.id, m.tenant_id, m.name, m.vcpus, m.memory_mib, m.disk_gib, m.ssh_keys, m.user_data, m.port_forwards,
       m.desired_state, m.generation, m.start_generation, m.started_generation, m.reset_generation,
       m.reset_done_generation, m.force_stop, m.state, m.state_since, m.state_reason, m.next_action, m.provider_state,
       m.provisioned, m.observed_generation, m.stop_pressed_at, m.power_pressed_at, m.booted_at, m.last_seen_at, m.version,
       i.format, i.sha256, i.size_bytes, i.virtual_bytes, i.disk_path, i.kernel_path, i.initrd_path
  from phoenix.virtual_machines m
  join phoenix.images i on i.id = m.image_id
 where m.id = $1
   for update of m
