-- $1 id, $2 e-mail, $3 name. No row when the address belongs to another account.
insert into phoenix.users (id, email, name) values ($1, $2, $3)
on conflict (email_key) do nothing
