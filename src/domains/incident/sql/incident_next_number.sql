-- The tenant's own counter; the nil UUID counts the platform's.
insert into phoenix.incident_counters as c (tenant_id, last) values ($1, 1)
on conflict (tenant_id) do update set last = c.last + 1
returning last
