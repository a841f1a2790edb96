-- $1 user, $2 digest
insert into phoenix.recovery_codes (user_id, digest) values ($1, $2)
