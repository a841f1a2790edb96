-- Machines that were meant to run, for a host that starts anew.
select id from phoenix.virtual_machines
 where id > $1 and desired_state = 'RUNNING' and state in ('RUNNING', 'LOST', 'DEGRADED', 'UNKNOWN', 'PAUSED')
 order by id limit 500
