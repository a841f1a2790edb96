-- $1 key: the attempt could not be judged (server busy), so it does not count.
update phoenix.sign_in_failures set failures = greatest(failures - 1, 0), locked_until = last_at where key = $1
