-- $1 key; of many requests at once one writes
update phoenix.api_keys set last_used_at = phoenix.now()
 where id = $1 and (last_used_at is null or last_used_at < phoenix.now() - interval '1 minute')
