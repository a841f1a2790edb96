select id, format, min_memory_mib, min_disk_gib, virtual_bytes from phoenix.images where name = $1
