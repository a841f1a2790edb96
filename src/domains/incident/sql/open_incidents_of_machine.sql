select id from phoenix.incidents
 where tenant_id = $1 and virtual_machine_id = $2 and status <> 'RESOLVED'
 order by id
   for update
