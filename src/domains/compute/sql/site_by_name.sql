select id from phoenix.sites where name = $1
