update phoenix.images
   set state = 'READY', state_reason = null, sha256 = $2, size_mib = $3, size_bytes = $4, virtual_bytes = $5,
       min_disk_gib = $6, disk_path = $7
 where id = $1
