-- $1 digest
select t.id as token_id, t.bound_tenant, t.expires_at, u.id, u.email, u.name, u.platform_role
  from phoenix.bearer_tokens t join phoenix.users u on u.id = t.user_id
 where t.token_digest = $1 and t.expires_at > phoenix.now() and u.status = 'ACTIVE'
