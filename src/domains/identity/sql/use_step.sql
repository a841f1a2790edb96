-- $1 user, $2 the step that was used
update phoenix.second_factors set last_step = $2 where user_id = $1 and last_step < $2
