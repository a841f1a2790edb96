-- Opens a transaction of a role without tenant: the request's deadline as statement_timeout.
select set_config('statement_timeout', $1, true)
