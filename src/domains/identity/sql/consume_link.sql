-- $1 digest. The delete is the use: of parallel uses one gets the row, the others wait for it and find it gone.
delete from phoenix.one_time_links l using phoenix.users u
 where l.token_digest = $1 and l.expires_at > phoenix.now() and u.id = l.user_id and u.status = 'ACTIVE'
returning u.id
