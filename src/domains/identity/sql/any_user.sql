-- Whether there is any account yet.
select exists (select from phoenix.users) as found
