-- $1 key, $2 seconds to wait after the n-th failure. Counts the attempt as failed before it is judged, so that
-- parallel guesses cannot outrun the count; no row when the key is locked. A quiet day forgets.
insert into phoenix.sign_in_failures as f (key, failures, last_at, locked_until)
values ($1, 1, phoenix.now(), phoenix.now() + make_interval(secs => ($2::int8[])[1]))
on conflict (key) do update set
  failures = case when f.last_at < phoenix.now() - interval '1 day' then 1 else f.failures + 1 end,
  last_at = phoenix.now(),
  locked_until = phoenix.now() + make_interval(secs => ($2::int8[])[
    case when f.last_at < phoenix.now() - interval '1 day' then 1
         else least(f.failures + 1, cardinality($2::int8[])) end])
where f.locked_until <= phoenix.now()
returning failures
