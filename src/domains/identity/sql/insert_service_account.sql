-- $1 id, $2 tenant, $3 name, $4 role, $5 who makes it
insert into phoenix.service_accounts (id, tenant_id, name, role, created_by) values ($1, $2, $3, $4, $5)
