-- $1 tenant id or null, $2 name, $3 user: the tenant and the user's role in it, if any.
select t.id, t.name, t.status, m.role
  from phoenix.tenants t left join phoenix.memberships m on m.tenant_id = t.id and m.user_id = $3
 where t.id = $1 or ($1::uuid is null and t.name = $2)
