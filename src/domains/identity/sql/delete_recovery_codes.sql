-- $1 user
delete from phoenix.recovery_codes where user_id = $1
