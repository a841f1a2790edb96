-- $1 session, $2 issuer, $3 subject, $4 the provider's session or null, $5 tenants by claim or null
insert into phoenix.outside_sessions (session_id, issuer, subject, sid, claimed_tenants) values ($1, $2, $3, $4, $5)
