-- $1 service account; its keys go with it.
delete from phoenix.service_accounts where id = $1
