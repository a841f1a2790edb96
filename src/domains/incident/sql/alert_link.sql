update phoenix.alerts set incident_id = $2, version = version + 1 where id = $1 returning version
