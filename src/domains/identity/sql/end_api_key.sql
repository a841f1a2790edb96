-- $1 key that was replaced, $2 after how long it ends; an end before that stays
update phoenix.api_keys
   set expires_at = least(expires_at, phoenix.now() + $2::interval), rotated_at = phoenix.now(), version = version + 1
 where id = $1
returning version
