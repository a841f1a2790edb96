-- $1 id for a new one, $2 name, $3 region
insert into phoenix.sites as s (id, name, region) values ($1, $2, $3)
on conflict (name) do update set
  region = excluded.region,
  updated_at = case when s.region = excluded.region then s.updated_at else phoenix.now() end
returning id
