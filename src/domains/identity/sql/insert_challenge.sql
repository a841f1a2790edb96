-- $1 digest, $2 the browser's digest, $3 user, $4 how the first factor was given, $5 lifetime. A few forgotten ones go
-- with each.
with forgotten as (
  delete from phoenix.sign_in_challenges where digest in (
    select digest from phoenix.sign_in_challenges where expires_at < phoenix.now()
     order by expires_at limit 10 for update skip locked))
insert into phoenix.sign_in_challenges (digest, browser_digest, user_id, amr, expires_at)
values ($1, $2, $3, $4, phoenix.now() + $5::interval)
returning expires_at
