select at, kind, body, actor from phoenix.incident_entries where incident_id = $1 order by at, id limit 2000
