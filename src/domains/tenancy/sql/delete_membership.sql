-- $1 membership
delete from phoenix.memberships where id = $1
returning version
