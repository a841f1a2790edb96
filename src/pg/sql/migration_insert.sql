insert into phoenix.schema_migrations (number, name, sha256, min_binary, binary_level) values ($1, $2, $3, $4, $5)
