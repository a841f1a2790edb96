-- $1 user: the secret to be confirmed, and the time by which codes are judged.
select e.sealed_secret, extract(epoch from phoenix.now())::int8 as now
  from phoenix.second_factor_enrolments e
 where e.user_id = $1 and e.expires_at > phoenix.now()
   for update
