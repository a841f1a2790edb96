-- $1 user, $2 the proof that stays, or null
with sessions as (delete from phoenix.sessions where user_id = $1 and id is distinct from $2::uuid),
     links as (delete from phoenix.one_time_links where user_id = $1)
delete from phoenix.bearer_tokens where user_id = $1 and id is distinct from $2::uuid
