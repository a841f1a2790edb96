-- $1 user, $2 PHC string
insert into phoenix.user_passwords (user_id, phc) values ($1, $2)
on conflict (user_id) do update set phc = excluded.phc, changed_at = phoenix.now()
