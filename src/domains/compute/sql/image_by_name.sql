select id, format, min_memory_mib, min_disk_gib, virtual_bytes, state from phoenix.images where name = $1
