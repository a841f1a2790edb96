-- $1 user
delete from phoenix.user_passwords where user_id = $1 returning user_id
