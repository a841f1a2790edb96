-- $1 user, $2 the proof that stays, or null. Returns what was ended.
with links as (delete from phoenix.one_time_links where user_id = $1),
     challenges as (delete from phoenix.sign_in_challenges where user_id = $1),
     sessions as (delete from phoenix.sessions where user_id = $1 and id is distinct from $2::uuid returning id, user_id),
     tokens as (delete from phoenix.bearer_tokens where user_id = $1 and id is distinct from $2::uuid
                returning id, user_id)
select id, user_id from sessions union all select id, user_id from tokens
