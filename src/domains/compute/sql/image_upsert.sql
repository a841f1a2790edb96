-- A locally built image is refreshed in place: machines made from it take the new files at their next start.
insert into phoenix.images (id, name, description, format, sha256, size_mib, size_bytes, virtual_bytes,
                            min_memory_mib, min_disk_gib, disk_path, kernel_path, initrd_path)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (name) do update
   set description = excluded.description, sha256 = excluded.sha256, size_mib = excluded.size_mib,
       size_bytes = excluded.size_bytes, virtual_bytes = excluded.virtual_bytes, disk_path = excluded.disk_path,
       kernel_path = excluded.kernel_path, initrd_path = excluded.initrd_path
 where not images.imported
returning id
