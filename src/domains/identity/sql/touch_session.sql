-- $1 session
update phoenix.sessions set last_seen_at = phoenix.now() where id = $1 and last_seen_at < phoenix.now()
