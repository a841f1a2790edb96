-- $1 issuer, $2 subject, $3 user. No row when somebody else was faster.
insert into phoenix.external_identities (issuer, subject, user_id) values ($1, $2, $3)
on conflict (issuer, subject) do nothing
