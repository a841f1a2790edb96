select name, format, source_file, state, imported from phoenix.images where id = $1 for update
