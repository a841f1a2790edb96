-- $1 user, locked so that two changes of one password follow each other.
select p.phc from phoenix.user_passwords p where p.user_id = $1 for update
