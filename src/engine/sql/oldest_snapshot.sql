-- Who has held the oldest snapshot or open write of this database, and for how long. Ours does not count, nor does what
-- vacuum itself ignores.
select greatest(extract(epoch from phoenix.now() - xact_start), 0)::float8 as seconds, pid,
       coalesce(usename::text, '') as role, coalesce(application_name, '') as application
  from pg_stat_activity
 where datname = current_database() and (backend_xmin is not null or backend_xid is not null)
   and xact_start is not null and backend_type <> 'autovacuum worker' and pid <> pg_backend_pid()
 order by xact_start, pid
 limit 1
