-- How long the oldest snapshot or open write of this database has been held. Ours does not count, nor does what vacuum
-- itself ignores.
select greatest(coalesce(max(extract(epoch from phoenix.now() - xact_start)), 0), 0)::float8 as seconds
  from pg_stat_activity
 where datname = current_database() and (backend_xmin is not null or backend_xid is not null)
   and backend_type <> 'autovacuum worker' and pid <> pg_backend_pid()
