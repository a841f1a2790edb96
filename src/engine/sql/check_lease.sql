-- $1 id, $2 fence
select 1 from phoenix.work_queue where id = $1 and fence = $2 for update
