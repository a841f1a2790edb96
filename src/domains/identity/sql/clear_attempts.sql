-- $1 key
delete from phoenix.sign_in_failures where key = $1
