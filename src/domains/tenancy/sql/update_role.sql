-- $1 membership, $2 role
update phoenix.memberships set role = $2, updated_at = phoenix.now(), version = version + 1 where id = $1
returning version
