-- $1 tenant, $2 user
select id, role from phoenix.memberships where tenant_id = $1 and user_id = $2 for update
