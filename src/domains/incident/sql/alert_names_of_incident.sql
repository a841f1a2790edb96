select distinct name from phoenix.alerts where incident_id = $1 order by name limit 50
