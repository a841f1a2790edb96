-- $1 id, $2 digest, $3 user, $4 absolute lifetime, $5 remote address, $6 user agent, $7 how the user proved who they
-- are, $8 whether with a second factor
insert into phoenix.sessions (id, token_digest, user_id, expires_at, remote_address, user_agent, amr, second_factor_at)
values ($1, $2, $3, phoenix.now() + $4::interval, $5, $6, $7, case when $8 then phoenix.now() end)
