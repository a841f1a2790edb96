-- $1 id, $2 fence, $3 generation that was done
delete from phoenix.work_queue where id = $1 and fence = $2 and generation = $3
