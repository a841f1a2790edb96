-- Run by the cluster's superuser inside the database.
do $$
begin
  execute pg_catalog.format('alter database %I owner to phoenix_owner', current_database());
  execute pg_catalog.format('revoke connect, temporary on database %I from public', current_database());
  execute pg_catalog.format('grant connect on database %I to phoenix_tenant, phoenix_platform, phoenix_worker, '
                            'phoenix_maintenance', current_database());
  if exists (select 1 from pg_catalog.pg_available_extensions where name = 'pg_stat_statements') then
    create extension if not exists pg_stat_statements with schema public;
  end if;
end $$
