-- Every table of ours with the number of its rows, in one statement: what a copy of the database must agree on.
select c.oid::regclass::text as name,
       (pg_catalog.xpath('/row/n/text()',
          pg_catalog.query_to_xml(pg_catalog.format('select count(*) as n from only %s', c.oid::regclass), false, true, '')
        ))[1]::text as rows
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace s on s.oid = c.relnamespace
 where c.relkind = 'r' and s.nspname not in ('pg_catalog', 'information_schema') and s.nspname not like 'pg\_%'
 order by 1
