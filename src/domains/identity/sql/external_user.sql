-- $1 issuer, $2 subject: the account of somebody whom an outside provider knows, also a disabled one.
select u.id, u.email, u.name, u.platform_role, u.status
  from phoenix.external_identities e join phoenix.users u on u.id = e.user_id
 where e.issuer = $1 and e.subject = $2
