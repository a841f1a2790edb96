-- $1 user, $2 idle limit
select s.id, s.created_at, s.last_seen_at, least(s.expires_at, s.last_seen_at + $2::interval) as expires_at,
       s.remote_address, s.user_agent, s.amr, s.authenticated_at, s.second_factor_at
  from phoenix.sessions s
 where s.user_id = $1 and s.expires_at > phoenix.now() and s.last_seen_at > phoenix.now() - $2::interval
 order by s.last_seen_at desc, s.id
