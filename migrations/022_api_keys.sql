-- min-binary: 1
-- Programs' accounts inside a tenant and the keys they come with. Of a key only an HMAC under the server's key is kept,
-- which is not in the database; the tenant's own login cannot even read that.

create table phoenix.service_accounts (
  id uuid primary key,
  tenant_id uuid not null references phoenix.tenants (id),
  name text collate "C" not null,
  role text not null,
  created_by text not null,
  created_at timestamptz not null default phoenix.now(),
  constraint service_accounts_name_key unique (tenant_id, name),
  constraint service_accounts_role_check check (role in ('TENANT_VIEWER', 'TENANT_MEMBER', 'TENANT_ADMIN')),
  -- What a key refers to, so that the two are of one tenant.
  constraint service_accounts_tenant_key unique (tenant_id, id)
);
create index service_accounts_name on phoenix.service_accounts (name, id);
create index service_accounts_tenant_created on phoenix.service_accounts (tenant_id, created_at, id);
create index service_accounts_created on phoenix.service_accounts (created_at, id);

alter table phoenix.service_accounts enable row level security;
create policy service_accounts_tenant on phoenix.service_accounts to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy service_accounts_platform on phoenix.service_accounts to phoenix_platform using (true) with check (true);
create policy service_accounts_worker on phoenix.service_accounts for select to phoenix_worker using (true);
revoke all on phoenix.service_accounts from phoenix_platform, phoenix_worker;
grant select, insert, delete on phoenix.service_accounts to phoenix_tenant, phoenix_platform;
-- What it takes to lock a row.
grant update (name) on phoenix.service_accounts to phoenix_tenant;
grant select on phoenix.service_accounts to phoenix_worker;

create table phoenix.api_keys (
  id uuid primary key,
  tenant_id uuid not null references phoenix.tenants (id),
  service_account_id uuid not null,
  -- The beginning of the key, to know it and to find it by; the rest is compared by the server, in constant time.
  prefix text collate "C" not null,
  digest bytea not null,
  scopes text[] not null,
  -- Networks it may come from; empty: any.
  allowed_addresses text[] not null,
  created_by text not null,
  created_at timestamptz not null default phoenix.now(),
  expires_at timestamptz,
  -- A key is replaced once; what its successor lives as long as is the time between its making and its end until then.
  rotated_at timestamptz,
  -- Written at most once a minute, unindexed, so that the update stays on its page.
  last_used_at timestamptz,
  version integer not null default 1,
  constraint api_keys_service_account_fkey foreign key (tenant_id, service_account_id)
    references phoenix.service_accounts (tenant_id, id) on delete cascade,
  constraint api_keys_scopes_check
    check (cardinality(scopes) > 0 and scopes <@ array['READ', 'WRITE', 'CONSOLE', 'ALERTS'])
) with (fillfactor = 70);
create index api_keys_tenant_id on phoenix.api_keys (tenant_id, id);
create index api_keys_prefix on phoenix.api_keys (prefix);
create index api_keys_of_account on phoenix.api_keys (service_account_id, created_at, id);
create index api_keys_tenant_created on phoenix.api_keys (tenant_id, created_at, id);
create index api_keys_created on phoenix.api_keys (created_at, id);

alter table phoenix.api_keys enable row level security;
create policy api_keys_tenant on phoenix.api_keys to phoenix_tenant
  using (tenant_id = current_setting('phoenix.tenant_id')::uuid)
  with check (tenant_id = current_setting('phoenix.tenant_id')::uuid);
create policy api_keys_platform on phoenix.api_keys to phoenix_platform using (true) with check (true);
create policy api_keys_worker on phoenix.api_keys for select to phoenix_worker using (true);
revoke all on phoenix.api_keys from phoenix_platform, phoenix_worker;
grant select (id, tenant_id, service_account_id, prefix, scopes, allowed_addresses, created_by, created_at, expires_at,
              rotated_at, last_used_at, version), insert, delete on phoenix.api_keys to phoenix_tenant;
grant update (expires_at, rotated_at, version) on phoenix.api_keys to phoenix_tenant;
grant select, insert, update, delete on phoenix.api_keys to phoenix_platform;

-- migrate: down
-- down-guard: select 1 from phoenix.service_accounts
drop table phoenix.api_keys;
drop table phoenix.service_accounts;
