-- Whether everything a sign-in needs can be read: fails when a table or a right on it is missing.
select (select count(*) from (select from phoenix.users limit 1) u)
     + (select count(*) from (select phc from phoenix.user_passwords limit 1) p)
     + (select count(*) from (select token_digest from phoenix.sessions limit 1) s)
     + (select count(*) from (select token_digest from phoenix.bearer_tokens limit 1) t)
     + (select count(*) from (select token_digest from phoenix.one_time_links limit 1) l)
     + (select count(*) from (select sealed_secret from phoenix.second_factors limit 1) a)
     + (select count(*) from (select digest from phoenix.recovery_codes limit 1) r)
     + (select count(*) from (select digest from phoenix.sign_in_challenges limit 1) c)
     + (select count(*) from (select key from phoenix.sign_in_failures limit 1) f) as rows_seen
