-- min-binary: 1
-- The list of running resources is what everybody looks at. Computed in the view, its status could be no index condition:
-- each page read all machines of the tenant. Stored beside the state it follows from, it can.
alter table phoenix.virtual_machines add column resource_status text not null generated always as
        (case when state = 'RUNNING' then 'RUNNING'
              when state in ('STOPPED', 'PAUSED') then 'STOPPED'
              when state in ('PENDING', 'PROVISIONING', 'STARTING', 'STOPPING', 'DELETING') then 'PENDING'
              else 'ERROR' end) stored;
create index virtual_machines_tenant_resource_status on phoenix.virtual_machines (tenant_id, resource_status, id);
create or replace view phoenix.resources with (security_invoker = true) as
  select id, tenant_id, name, 'VM'::text as type,
         resource_status as status,
         site_id,
         jsonb_build_object('vcpus', vcpus, 'memoryMib', memory_mib, 'diskGib', disk_gib) as metadata,
         created_at, updated_at
    from phoenix.virtual_machines;

-- migrate: down
-- down-guard: none
create or replace view phoenix.resources with (security_invoker = true) as
  select id, tenant_id, name, 'VM'::text as type,
         case when state = 'RUNNING' then 'RUNNING'
              when state in ('STOPPED', 'PAUSED') then 'STOPPED'
              when state in ('PENDING', 'PROVISIONING', 'STARTING', 'STOPPING', 'DELETING') then 'PENDING'
              else 'ERROR' end as status,
         site_id,
         jsonb_build_object('vcpus', vcpus, 'memoryMib', memory_mib, 'diskGib', disk_gib) as metadata,
         created_at, updated_at
    from phoenix.virtual_machines;
alter table phoenix.virtual_machines drop column resource_status;
