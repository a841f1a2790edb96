select to_regclass('phoenix.schema_migrations') is not null
