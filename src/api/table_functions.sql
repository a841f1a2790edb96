-- The functions that the SDL names.
select p.proname::text, p.prosecdef, p.provolatile = 'v', p.prorettype::int8, p.pronargs::int4
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = 'phoenix' and p.proname = any($1)
