-- Whom an incident of this tenant touches.
select t.name, (select count(*) from phoenix.memberships m where m.tenant_id = t.id)::bigint as members
  from phoenix.tenants t
 where t.id = $1
