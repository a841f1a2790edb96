-- The platform administrator with the oldest account.
select u.id, u.email, u.name, u.platform_role, p.user_id is not null as has_password,
       f.user_id is not null as has_second_factor
  from phoenix.users u
  left join phoenix.user_passwords p on p.user_id = u.id
  left join phoenix.second_factors f on f.user_id = u.id
 where u.platform_role = 'PLATFORM_ADMIN' and u.status = 'ACTIVE'
 order by u.created_at, u.id limit 1
