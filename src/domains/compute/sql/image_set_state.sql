-- $1 id, $2 IMPORTING or FAILED, $3 why it failed
update phoenix.images set state = $2, state_reason = $3 where id = $1
