-- $1 id, $2 digest, $3 user, $4 absolute lifetime, $5 remote address, $6 user agent
insert into phoenix.sessions (id, token_digest, user_id, expires_at, remote_address, user_agent)
values ($1, $2, $3, phoenix.now() + $4::interval, $5, $6)
