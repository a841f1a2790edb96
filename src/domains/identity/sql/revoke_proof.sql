-- $1 session or bearer token
with sessions as (delete from phoenix.sessions where id = $1)
delete from phoenix.bearer_tokens where id = $1
