delete from phoenix.schema_migrations where number = $1
