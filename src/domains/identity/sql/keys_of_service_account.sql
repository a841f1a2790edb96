-- $1 service account
select id, version from phoenix.api_keys where service_account_id = $1
