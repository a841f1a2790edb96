-- $1 user: what people see of their second factor; no row when there is none.
select f.created_at, (select count(*) from phoenix.recovery_codes c where c.user_id = f.user_id) as recovery_codes
  from phoenix.second_factors f where f.user_id = $1
