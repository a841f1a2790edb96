-- $1 session or bearer token. What was there is returned, so that it is announced once.
with sessions as (delete from phoenix.sessions where id = $1 returning id, user_id),
     tokens as (delete from phoenix.bearer_tokens where id = $1 returning id, user_id)
select id, user_id from sessions union all select id, user_id from tokens
