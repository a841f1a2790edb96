update phoenix.virtual_machines set last_seen_at = phoenix.now() where id = $1
