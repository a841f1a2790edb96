-- $1 user: the tenants one belongs to, for the switcher; deleted ones are gone for their members.
select m.role, t.id, t.name, t.display_name, t.tier
  from phoenix.memberships m join phoenix.tenants t on t.id = m.tenant_id
 where m.user_id = $1 and t.status <> 'DELETED'
 order by t.name
