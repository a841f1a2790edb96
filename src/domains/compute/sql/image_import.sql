-- $1 id, $2 name, $3 description, $4 format, $5 file. The name of an import that failed is free again.
insert into phoenix.images (id, name, description, format, source_file, state, sha256, size_mib, size_bytes,
                            virtual_bytes, min_memory_mib, min_disk_gib, imported)
values ($1, $2, $3, $4, $5, 'IMPORTING', '', 0, 0, 0, 256, 1, true)
on conflict (name) do update
   set description = excluded.description, format = excluded.format, source_file = excluded.source_file,
       state = 'IMPORTING', state_reason = null
 where images.imported and images.state = 'FAILED'
returning id
