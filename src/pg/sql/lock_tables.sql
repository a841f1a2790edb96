-- No row may arrive between a down-guard and the drop it allows.
do $$
declare
  name text;
begin
  for name in select c.oid::regclass::text from pg_catalog.pg_class c
               where c.relnamespace = 'phoenix'::regnamespace and c.relkind in ('r', 'p') order by 1
  loop
    execute pg_catalog.format('lock table %s in share row exclusive mode', name);
  end loop;
end $$
