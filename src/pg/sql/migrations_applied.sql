select number, name, sha256, min_binary, applied_at from phoenix.schema_migrations order by number
