-- $1 tenant. Locks all owners in one order, so that of two who step down at once the second sees the first gone.
select user_id from phoenix.memberships where tenant_id = $1 and role = 'TENANT_OWNER' order by id for update
