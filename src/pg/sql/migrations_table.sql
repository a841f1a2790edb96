create table if not exists phoenix.schema_migrations (
  number integer primary key check (number > 0),
  name text not null,
  sha256 text not null,
  min_binary integer not null,
  applied_at timestamptz not null default statement_timestamp(),
  binary_level integer not null
)
