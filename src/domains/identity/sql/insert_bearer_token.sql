-- $1 id, $2 digest, $3 user, $4 tenant or null, $5 lifetime
insert into phoenix.bearer_tokens (id, token_digest, user_id, bound_tenant, expires_at)
values ($1, $2, $3, $4, phoenix.now() + $5::interval)
returning expires_at
