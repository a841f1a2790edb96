-- $1 issuer, $2 subject or null, $3 the provider's session or null: what the provider has ended. Both, when it names
-- both. Returns what was ended.
delete from phoenix.sessions s using phoenix.outside_sessions o
 where o.session_id = s.id and o.issuer = $1
   and ($2::text is null or o.subject = $2) and ($3::text is null or o.sid = $3)
   and ($2::text is not null or $3::text is not null)
returning s.id, s.user_id
