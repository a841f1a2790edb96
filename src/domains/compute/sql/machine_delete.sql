delete from phoenix.virtual_machines where id = $1
