-- $1 user: tokens and links that have ended, removed when a new one is made.
with links as (delete from phoenix.one_time_links where user_id = $1 and expires_at <= phoenix.now())
delete from phoenix.bearer_tokens where user_id = $1 and expires_at <= phoenix.now()
