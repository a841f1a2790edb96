-- $1 user, as the caller's role may see people
select email, name, created_at from phoenix.user_profiles where id = $1
