-- Opens a tenant's transaction.
select set_config('phoenix.tenant_id', $1, true), set_config('statement_timeout', $2, true)
