-- $1 user, $2 sealed secret, $3 how long it may take. A secret that was shown before is void.
insert into phoenix.second_factor_enrolments (user_id, sealed_secret, expires_at)
values ($1, $2, phoenix.now() + $3::interval)
on conflict (user_id) do update set sealed_secret = excluded.sealed_secret, expires_at = excluded.expires_at
returning expires_at
