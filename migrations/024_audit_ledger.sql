-- min-binary: 1
-- The audit trail as a transparency log: each audit row is a leaf of a Merkle tree, signed checkpoints say its root. All
-- of it is appended outside of the requests' transactions. See src/engine/ledger/ledger.hpp.

-- Audit rows that are not leaves yet. A row leaves it in the transaction that makes it one.
create table phoenix.audit_inbox (
  id bigint generated always as identity (cache 1) primary key,
  audit_id uuid not null,
  at timestamptz not null default phoenix.now()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
revoke all on phoenix.audit_inbox from phoenix_platform, phoenix_worker;
grant select, delete on phoenix.audit_inbox to phoenix_worker;

-- By a trigger, so that no audit row can be written without its place in the inbox, by whatever statement of whichever
-- release, and no login role can put anything else there. It runs after the row's insert, so the transaction has its
-- number before the inbox's id is drawn: the sequencer's low-water mark counts on that.
create function phoenix.audit_enters_inbox() returns trigger
language plpgsql security definer set search_path = phoenix, pg_catalog as $$
begin
  insert into phoenix.audit_inbox (audit_id) values (new.id);
  return null;
end $$;
revoke all on function phoenix.audit_enters_inbox() from public;
create trigger audit_enters_inbox after insert on phoenix.audit_log
  for each row execute function phoenix.audit_enters_inbox();

-- What was there before. The trigger's lock keeps others from writing meanwhile.
insert into phoenix.audit_inbox (audit_id) select id from phoenix.audit_log order by at, id;

-- The leaves: level 0 of the tree, without a gap from 0 on.
create table phoenix.audit_leaves (
  index bigint primary key check (index >= 0),
  audit_id uuid not null unique references phoenix.audit_log (id),
  leaf_hash bytea not null check (octet_length(leaf_hash) = 32)
);

-- Inner nodes above 2^level leaves, stored when the last of these comes. They never change.
create table phoenix.ledger_nodes (
  level smallint not null check (level > 0),
  index bigint not null check (index >= 0),
  hash bytea not null check (octet_length(hash) = 32),
  primary key (level, index)
);

create table phoenix.ledger_checkpoints (
  id bigint generated always as identity (cache 1) primary key,
  at timestamptz not null default phoenix.now(),
  size bigint not null check (size >= 0),
  root bytea not null check (octet_length(root) = 32),
  note text collate "C" not null
);

-- Leaves, nodes and checkpoints are only added, and by the sequencer, a worker, alone. Tenants have no grant: what they
-- may have of the ledger is an export of their own rows.
revoke all on phoenix.audit_leaves, phoenix.ledger_nodes, phoenix.ledger_checkpoints
  from phoenix_platform, phoenix_worker;
grant select on phoenix.audit_leaves, phoenix.ledger_nodes, phoenix.ledger_checkpoints to phoenix_platform;
grant select, insert on phoenix.audit_leaves, phoenix.ledger_nodes, phoenix.ledger_checkpoints to phoenix_worker;

-- While something happens there are several checkpoints a second; what is worth keeping of them is how the tree stood at
-- a time. All of the last hour stay, then each log's last of an hour, after 30 days its last of a day. The newest of all
-- always stays. Proofs are made of nodes and need none. A function, so that no login role may remove any other.
create function phoenix.ledger_checkpoints_thin(at_most integer) returns bigint
language sql security definer set search_path = phoenix, pg_catalog as $$
  with ranked as (
    select id, at, row_number() over (
             partition by split_part(note, E'\n', 1),
                          date_trunc(case when at < phoenix.now() - interval '30 days' then 'day' else 'hour' end, at, 'UTC'),
                          at < phoenix.now() - interval '30 days'
             order by id desc) as place
      from phoenix.ledger_checkpoints
     where at < phoenix.now() - interval '1 hour'
  ), removed as (
    delete from phoenix.ledger_checkpoints c using (
      select id from ranked
       where place > 1 and id < (select max(id) from phoenix.ledger_checkpoints)
       order by id limit at_most) r
     where c.id = r.id returning 1
  )
  select count(*) from removed
$$;
revoke all on function phoenix.ledger_checkpoints_thin(integer) from public;
grant execute on function phoenix.ledger_checkpoints_thin(integer) to phoenix_worker;

-- migrate: down
-- down-guard: select 1 from phoenix.audit_leaves
drop function phoenix.ledger_checkpoints_thin(integer);
drop table phoenix.ledger_checkpoints;
drop table phoenix.ledger_nodes;
drop table phoenix.audit_leaves;
drop trigger audit_enters_inbox on phoenix.audit_log;
drop function phoenix.audit_enters_inbox();
drop table phoenix.audit_inbox;
