-- $1 tenant: something of it changed. No row when it does not exist.
update phoenix.tenants set updated_at = phoenix.now(), version = version + 1 where id = $1 returning version
