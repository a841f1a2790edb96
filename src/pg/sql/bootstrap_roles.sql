-- Run by the cluster's superuser at each start; changes nothing when all is as it should be.
do $$
declare
  name text;
begin
  foreach name in array array['phoenix_owner', 'phoenix_tenant', 'phoenix_platform', 'phoenix_worker',
                              'phoenix_maintenance', 'phoenix_backup']
  loop
    if not exists (select 1 from pg_catalog.pg_roles where rolname = name) then
      execute pg_catalog.format('create role %I login nosuperuser nobypassrls nocreatedb nocreaterole', name);
    end if;
  end loop;
  alter role phoenix_backup replication;
  grant pg_monitor, pg_signal_backend, phoenix_owner to phoenix_maintenance;
  -- Workers tell how old the oldest snapshot is, whoever holds it.
  grant pg_read_all_stats to phoenix_worker;
end $$
