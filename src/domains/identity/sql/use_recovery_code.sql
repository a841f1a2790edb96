-- $1 user, $2 digest
delete from phoenix.recovery_codes where user_id = $1 and digest = $2
