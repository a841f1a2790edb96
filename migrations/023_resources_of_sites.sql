-- min-binary: 1
-- A site lists the resources in it (Site.resources): in a tenant, and over all tenants.
create index virtual_machines_tenant_site on phoenix.virtual_machines (tenant_id, site_id, id);
create index virtual_machines_site on phoenix.virtual_machines (site_id, id);

-- migrate: down
-- down-guard: none
drop index phoenix.virtual_machines_tenant_site, phoenix.virtual_machines_site;
