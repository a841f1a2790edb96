-- $1 queue, $2 not before this time, $3 at most, $4 lease
with due as (
  select id from phoenix.work_queue
   where queue = $1 and run_at >= $2 and run_at <= phoenix.now()
     and (lease_until is null or lease_until <= phoenix.now())
   order by run_at, id limit $3 for update skip locked
)
update phoenix.work_queue w
   set fence = nextval('phoenix.work_fences'), claimed_generation = w.generation, lease_until = phoenix.now() + $4,
       attempts = w.attempts + 1
  from due where w.id = due.id
returning w.id, w.fence, w.generation, w.tenant_id, w.key, w.payload, w.attempts, w.run_at
