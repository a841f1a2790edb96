-- $1 digest, $2 idle limit, $3 how old last_seen_at may grow before it is written again
select s.id as session_id, s.expires_at, s.last_seen_at < phoenix.now() - $3::interval as touch, s.second_factor_at,
       u.id, u.email, u.name, u.platform_role, o.claimed_tenants, f.user_id is not null as has_second_factor
  from phoenix.sessions s
  join phoenix.users u on u.id = s.user_id
  left join phoenix.outside_sessions o on o.session_id = s.id
  left join phoenix.second_factors f on f.user_id = s.user_id
 where s.token_digest = $1 and s.expires_at > phoenix.now() and s.last_seen_at > phoenix.now() - $2::interval
   and u.status = 'ACTIVE'
