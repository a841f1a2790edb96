-- min-binary: 1
-- What happened, as a log. Writers insert into the inbox; one sequencer at a time gives each row its gapless number in
-- events. See src/engine/events.hpp.

create table phoenix.event_inbox (
  -- CACHE 1 (the default): within one object's changes, ids rise in the order of the commits.
  id bigint generated always as identity (cache 1) primary key,
  tenant_id uuid,
  type text collate "C" not null check (type ~ '^[A-Za-z][A-Za-z0-9]{0,99}$'),
  object_id uuid not null,
  kind text collate "C" not null check (kind in ('CREATED', 'UPDATED', 'DELETED')),
  version bigint not null,
  payload jsonb check (octet_length(payload::text) <= 8192),
  at timestamptz not null default phoenix.now()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

alter table phoenix.event_inbox enable row level security;
create policy tenant_wall on phoenix.event_inbox to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.event_inbox to phoenix_platform using (true) with check (true);
create policy worker on phoenix.event_inbox to phoenix_worker using (true) with check (true);
revoke all on phoenix.event_inbox from phoenix_platform, phoenix_worker;
-- Writers only add; the sequencer, a worker, takes out.
grant insert on phoenix.event_inbox to phoenix_tenant, phoenix_platform;
grant select, insert, delete on phoenix.event_inbox to phoenix_worker;

create table phoenix.events (
  seq bigint primary key,
  tenant_id uuid,
  type text collate "C" not null,
  object_id uuid not null,
  kind text collate "C" not null check (kind in ('CREATED', 'UPDATED', 'DELETED')),
  version bigint not null,
  payload jsonb,
  at timestamptz not null
) partition by range (seq);

-- The feed reads as worker and keeps tenants apart itself; tenants have no grant on the log at all.
alter table phoenix.events enable row level security;
create policy tenant_wall on phoenix.events to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.events to phoenix_platform using (true) with check (true);
create policy worker on phoenix.events to phoenix_worker using (true) with check (true);
revoke all on phoenix.events from phoenix_platform, phoenix_worker;
grant select on phoenix.events to phoenix_platform;
grant select, insert on phoenix.events to phoenix_worker;

-- An epoch is a stretch of history in which a number means one event. initdb, restore and promotion begin a new one.
create table phoenix.event_epochs (
  id bigint generated always as identity primary key,
  epoch text collate "C" not null unique check (epoch ~ '^[0-9a-z]{8,32}$'),
  began_after bigint not null,
  began_at timestamptz not null default phoenix.now(),
  reason text not null
);

-- One row. Its own table, so that the head outlives the partitions.
create table phoenix.event_log (
  only_row boolean primary key default true check (only_row),
  epoch text collate "C" not null references phoenix.event_epochs (epoch),
  head bigint not null check (head >= 0),
  retained_after bigint not null check (retained_after >= 0)
) with (fillfactor = 10);

with first as (
  insert into phoenix.event_epochs (epoch, began_after, reason)
  values (left(replace(gen_random_uuid()::text, '-', ''), 16), 0, 'new database') returning epoch)
insert into phoenix.event_log (epoch, head, retained_after) select epoch, 0, 0 from first;

revoke all on phoenix.event_epochs, phoenix.event_log from phoenix_platform, phoenix_worker;
grant select on phoenix.event_epochs, phoenix.event_log to phoenix_platform, phoenix_worker;
grant insert on phoenix.event_epochs to phoenix_worker;
grant update on phoenix.event_log to phoenix_worker;

-- Partitions hold a million numbers each. Making and dropping them is the owner's work, lent to the workers by the two
-- functions below. A partition is made aside and attached, which does not wait for readers; it carries no grant of its
-- own, so rows are reached through the parent only.
create function phoenix.event_partitions_ensure(up_to bigint) returns bigint
language plpgsql security definer set search_path = phoenix, pg_catalog set lock_timeout = '1s' as $$
declare
  size constant bigint := 1000000;
  part bigint;
  made text;
begin
  -- One at a time: two sequencers must not make the same one.
  perform 1 from phoenix.event_log for update;
  select coalesce(max(substr(c.relname, 8)::bigint) + 1, (select retained_after / size from phoenix.event_log))
    into part
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'phoenix.events'::regclass;
  while part * size <= up_to loop
    made := 'events_' || lpad(part::text, 9, '0');
    execute format('create table phoenix.%I (like phoenix.events including all,
                      constraint %I check (seq >= %s and seq < %s))',
                   made, made || '_range', part * size, (part + 1) * size);
    execute format('alter table phoenix.%I enable row level security', made);
    execute format('revoke all on phoenix.%I from phoenix_platform, phoenix_worker', made);
    execute format('alter table phoenix.events attach partition phoenix.%I for values from (%s) to (%s)',
                   made, part * size, (part + 1) * size);
    part := part + 1;
  end loop;
  return part * size - 1;
end $$;

-- Drops partitions all of whose events are older, and never the one that is being written.
create function phoenix.event_partitions_drop(older_than timestamptz) returns integer
language plpgsql security definer set search_path = phoenix, pg_catalog set lock_timeout = '1s' as $$
declare
  size constant bigint := 1000000;
  log phoenix.event_log;
  part record;
  newest timestamptz;
  dropped integer := 0;
begin
  select * into log from phoenix.event_log for update;
  for part in
    select c.relname as name, substr(c.relname, 8)::bigint as number
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'phoenix.events'::regclass order by 2
  loop
    exit when (part.number + 1) * size > log.head + 1;
    execute format('select at from phoenix.%I order by seq desc limit 1', part.name) into newest;
    exit when newest >= older_than;
    execute format('drop table phoenix.%I', part.name);
    update phoenix.event_log set retained_after = (part.number + 1) * size - 1;
    dropped := dropped + 1;
  end loop;
  return dropped;
end $$;

revoke all on function phoenix.event_partitions_ensure(bigint) from public;
revoke all on function phoenix.event_partitions_drop(timestamptz) from public;
grant execute on function phoenix.event_partitions_ensure(bigint) to phoenix_worker;
grant execute on function phoenix.event_partitions_drop(timestamptz) to phoenix_worker;

select phoenix.event_partitions_ensure(0);

-- migrate: down
-- down-guard: select 1 from phoenix.events union all select 1 from phoenix.event_inbox
drop function phoenix.event_partitions_drop(timestamptz);
drop function phoenix.event_partitions_ensure(bigint);
drop table phoenix.event_log;
drop table phoenix.event_epochs;
drop table phoenix.events;
drop table phoenix.event_inbox;
