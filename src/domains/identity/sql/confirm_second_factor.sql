-- $1 user, $2 sealed secret, $3 the step whose code confirmed it
with begun as (delete from phoenix.second_factor_enrolments where user_id = $1)
insert into phoenix.second_factors (user_id, sealed_secret, last_step) values ($1, $2, $3)
on conflict (user_id) do update set sealed_secret = excluded.sealed_secret, last_step = excluded.last_step,
  created_at = phoenix.now()
