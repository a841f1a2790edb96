-- What the reconciler found and did. A heartbeat alone (last_seen_at) is no new version.
update phoenix.virtual_machines
   set desired_state = $2, start_generation = $3, started_generation = $4, reset_generation = $5,
       reset_done_generation = $6, force_stop = $7, state = $8,
       state_since = case when state = $8 then state_since else phoenix.now() end,
       state_reason = $9, next_action = $10, provider_state = $11, provisioned = $12, observed_generation = $13,
       stop_pressed_at = $14, booted_at = $15, power_pressed_at = $16, updated_at = phoenix.now(),
       last_seen_at = phoenix.now(), version = version + 1
 where id = $1
returning version
