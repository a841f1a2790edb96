update phoenix.virtual_machines
   set desired_state = $2, generation = generation + 1,
       start_generation = case when $3 then generation + 1 else start_generation end,
       reset_generation = case when $4 then generation + 1 else reset_generation end,
       force_stop = $5, stop_pressed_at = null,
       state = case when $2 = 'DELETED' then 'DELETING' else state end,
       state_since = case when $2 = 'DELETED' and state <> 'DELETING' then phoenix.now() else state_since end,
       updated_at = phoenix.now(), version = version + 1
 where id = $1
returning version
