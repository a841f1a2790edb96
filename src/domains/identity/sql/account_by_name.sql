-- $1 id or null, $2 e-mail in lower case: an active account.
select u.id, u.email
  from phoenix.users u
 where (u.id = $1 or ($1::uuid is null and u.email_key = $2)) and u.status = 'ACTIVE'
