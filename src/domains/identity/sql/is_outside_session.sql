-- $1 session: whether an outside provider vouched for it.
select exists (select from phoenix.outside_sessions where session_id = $1) as outside
