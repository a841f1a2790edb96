-- $1 id, $2 e-mail, $3 name, $4 platform role or null
insert into phoenix.users (id, email, name, platform_role) values ($1, $2, $3, $4)
