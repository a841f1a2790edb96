-- $1 digest, $2 the browser's digest. No row when it was used before or took too long.
delete from phoenix.sign_in_challenges where digest = $1 and browser_digest = $2 and expires_at > phoenix.now()
returning user_id, amr
