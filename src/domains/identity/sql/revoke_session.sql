-- $1 session, $2 its user. What was there is returned, so that it is announced once.
delete from phoenix.sessions where id = $1 and user_id = $2 returning id, user_id
