-- $1 digest, $2 the browser's digest: whose sign-in it is.
select c.user_id from phoenix.sign_in_challenges c
 where c.digest = $1 and c.browser_digest = $2 and c.expires_at > phoenix.now()
