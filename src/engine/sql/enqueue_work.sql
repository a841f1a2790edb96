-- $1 tenant, $2 queue, $3 key, $4 when (null: now), $5 payload
insert into phoenix.work_queue as w (tenant_id, queue, key, run_at, payload)
values ($1, $2, $3, greatest(coalesce($4, phoenix.now()), phoenix.now()), $5)
on conflict on constraint work_queue_one_per_key do update
   set run_at = case when w.claimed_generation = w.generation and w.lease_until > phoenix.now() then excluded.run_at
                     else least(w.run_at, excluded.run_at) end,
       generation = w.generation + 1, payload = excluded.payload, attempts = 0, reason = null
