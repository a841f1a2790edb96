-- The tenant's own counter; the nil UUID counts the platform's. $2 how many are wanted: the last of them comes back.
insert into phoenix.incident_counters as c (tenant_id, last) values ($1, $2)
on conflict (tenant_id) do update set last = c.last + excluded.last
returning last
