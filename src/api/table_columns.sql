-- Every column of the tables and views that the SDL names: what verify_tables compares the SDL with.
select c.relname::text, a.attname::text, a.atttypid::int8, a.attnotnull, c.relkind::text,
       coalesce(a.attcollation = 0 or l.collname = 'C'
                or (l.collname = 'default' and d.datcollate in ('C', 'POSIX')), true) as bytewise,
       coalesce(c.reloptions @> array['security_invoker=true'] or c.reloptions @> array['security_invoker=on'], false)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_database d on d.datname = current_database()
  left join pg_collation l on l.oid = a.attcollation
 where n.nspname = 'phoenix' and c.relname = any($1)
