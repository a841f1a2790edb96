-- $1 user, $2 the session that stays, or null. Returns what was ended.
delete from phoenix.sessions where user_id = $1 and id is distinct from $2::uuid returning id, user_id
