-- $1 e-mail in lower case: what a sign-in is judged by.
select u.id, p.phc
  from phoenix.users u join phoenix.user_passwords p on p.user_id = u.id
 where u.email_key = $1 and u.status = 'ACTIVE'
