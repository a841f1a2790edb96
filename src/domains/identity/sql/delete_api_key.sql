-- $1 key
delete from phoenix.api_keys where id = $1 returning prefix, service_account_id, version
