-- $1 id, $2 digest, $3 user, $4 lifetime
insert into phoenix.one_time_links (id, token_digest, user_id, expires_at)
values ($1, $2, $3, phoenix.now() + $4::interval)
returning expires_at
