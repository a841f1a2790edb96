-- Only what the scope shows; locked, because the intent is decided on it.
select id, tenant_id, name, desired_state, state, generation
  from phoenix.virtual_machines
 where id = $1
   for update
