-- $1 user. Returns what was there.
with begun as (delete from phoenix.second_factor_enrolments where user_id = $1),
     codes as (delete from phoenix.recovery_codes where user_id = $1)
delete from phoenix.second_factors where user_id = $1 returning user_id
