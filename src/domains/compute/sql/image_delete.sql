delete from phoenix.images where id = $1
