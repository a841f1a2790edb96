-- What a connection was told at its start, and which server process answers.
select current_setting('statement_timeout'), current_setting('default_transaction_read_only'),
       current_setting('search_path'), pg_catalog.pg_backend_pid()
