-- $1 id, $2 fence, $3 generation that was tried, $4 delay, $5 reason
update phoenix.work_queue
   set run_at = case when generation = $3 then phoenix.now() + $4 else least(run_at, phoenix.now() + $4) end,
       fence = null, claimed_generation = null, lease_until = null, reason = $5
 where id = $1 and fence = $2
