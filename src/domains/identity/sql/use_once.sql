-- $1 digest, $2 how long it could be used. No row when it was used before. A few forgotten ones go with each.
with forgotten as (
  delete from phoenix.used_once where digest in (
    select digest from phoenix.used_once where expires_at < phoenix.now()
     order by expires_at limit 10 for update skip locked))
insert into phoenix.used_once (digest, expires_at) values ($1, phoenix.now() + $2::interval)
on conflict (digest) do nothing
