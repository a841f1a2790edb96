-- min-binary: 1
-- The catalogue of images machines are made from. Global: every tenant may read it.
create table phoenix.images (
  id uuid primary key,
  name text collate "C" not null unique check (name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'),
  description text not null default '',
  format text not null check (format in ('micro', 'qcow2', 'raw')),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  size_mib bigint not null check (size_mib >= 0),
  size_bytes bigint not null check (size_bytes >= 0),
  virtual_bytes bigint not null check (virtual_bytes >= 0),
  min_memory_mib integer not null check (min_memory_mib > 0),
  min_disk_gib integer not null check (min_disk_gib > 0),
  -- Where the adapter keeps it; never shown by the API.
  disk_path text not null default '',
  kernel_path text not null default '',
  initrd_path text not null default '',
  imported boolean not null default false,
  created_at timestamptz not null default phoenix.now()
);

revoke all on phoenix.images from phoenix_platform, phoenix_worker;
grant select (id, name, description, format, sha256, size_mib, virtual_bytes, min_memory_mib, min_disk_gib, imported, created_at)
  on phoenix.images to phoenix_tenant;
grant select, insert, update on phoenix.images to phoenix_platform;
grant select, insert, update on phoenix.images to phoenix_worker;

-- migrate: down
-- down-guard: select name from phoenix.images where imported
drop table phoenix.images;
