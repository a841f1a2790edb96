-- $1 tenant, $2 queue, $3 keys, $4 when (null: now)
insert into phoenix.work_queue as w (tenant_id, queue, key, run_at, payload)
select $1, $2, k.key, greatest(coalesce($4, phoenix.now()), phoenix.now()), '{}'
  from unnest($3::text[]) as k (key)
 order by k.key
on conflict on constraint work_queue_one_per_key do update
   set run_at = case when w.claimed_generation = w.generation and w.lease_until > phoenix.now() then excluded.run_at
                     else least(w.run_at, excluded.run_at) end,
       generation = w.generation + 1, payload = excluded.payload, attempts = 0, reason = null
