-- $1 ids, $2 their fences, $3 lease
update phoenix.work_queue w set lease_until = phoenix.now() + $3
  from unnest($1::bigint[], $2::bigint[]) as held (id, fence)
 where w.id = held.id and w.fence = held.fence
returning w.id
