-- $1 user: what a code is judged by, and when.
select f.sealed_secret, f.last_step, extract(epoch from phoenix.now())::int8 as now
  from phoenix.second_factors f where f.user_id = $1 for update
