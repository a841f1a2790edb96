-- $1 service account, held until the end of the transaction: keys are made and the account deleted one after the other
select name, role from phoenix.service_accounts where id = $1 for update
