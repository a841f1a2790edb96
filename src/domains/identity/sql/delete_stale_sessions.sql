-- $1 user, $2 idle limit: what has ended by itself, removed when its owner signs in again.
delete from phoenix.sessions
 where user_id = $1 and (expires_at <= phoenix.now() or last_seen_at <= phoenix.now() - $2::interval)
