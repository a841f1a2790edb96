-- $1 key: milliseconds until the next attempt is allowed.
select greatest(0, ceil(extract(epoch from locked_until - phoenix.now()) * 1000))::int8 as wait_ms
  from phoenix.sign_in_failures where key = $1
