-- $1 names: the tenants that a claim opens, for the switcher.
select t.id, t.name, t.display_name, t.tier
  from phoenix.tenants t
 where t.name = any($1::text[]) and t.status <> 'DELETED'
 order by t.name
