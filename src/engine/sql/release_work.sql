-- It was enqueued again while it was done. $1 id, $2 fence
update phoenix.work_queue set fence = null, claimed_generation = null, lease_until = null where id = $1 and fence = $2
