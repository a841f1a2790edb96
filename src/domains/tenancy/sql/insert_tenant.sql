-- $1 id, $2 name, $3 display name, $4 tier
insert into phoenix.tenants (id, name, display_name, tier) values ($1, $2, $3, $4)
