-- min-binary: 1
-- The schema, its clock, and who may use it.
--
-- The login roles exist before: the embedded cluster creates them; with DATABASE_URL an administrator does (docs).
-- Platform and worker roles may use every table from birth, since their policies decide; the tenant role gets nothing by
-- default: each migration grants what a tenant may touch, together with the policy that limits it. So a table that
-- forgot row-level security is closed to tenants, not open.

do $$
begin
  if exists (select 1 from pg_available_extensions where name = 'pg_stat_statements')
     and (select rolsuper from pg_roles where rolname = current_user) then
    create extension if not exists pg_stat_statements with schema public;
  end if;
end $$;

grant usage on schema phoenix to phoenix_tenant, phoenix_platform, phoenix_worker, phoenix_maintenance;
grant select on phoenix.schema_migrations to phoenix_platform, phoenix_worker, phoenix_maintenance;

alter default privileges in schema phoenix
  grant select, insert, update, delete on tables to phoenix_platform, phoenix_worker;
alter default privileges in schema phoenix
  grant usage on sequences to phoenix_tenant, phoenix_platform, phoenix_worker;

-- The one clock of durable deadlines. Plain SQL, so that it is inlined and indexes are used; only a test harness, as
-- owner, replaces its body.
create function phoenix.now() returns timestamptz
  language sql stable parallel safe
  as 'select pg_catalog.statement_timestamp()';

-- migrate: down
-- down-guard: none
drop function phoenix.now();
alter default privileges in schema phoenix
  revoke usage on sequences from phoenix_tenant, phoenix_platform, phoenix_worker;
alter default privileges in schema phoenix
  revoke select, insert, update, delete on tables from phoenix_platform, phoenix_worker;
revoke select on phoenix.schema_migrations from phoenix_platform, phoenix_worker, phoenix_maintenance;
revoke usage on schema phoenix from phoenix_tenant, phoenix_platform, phoenix_worker, phoenix_maintenance;
