-- $1 id, $2 tenant, $3 user, $4 role, $5 e-mail, $6 name, $7 user's created_at
insert into phoenix.memberships (id, tenant_id, user_id, role, user_email, user_name, user_created_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, user_id) do nothing
