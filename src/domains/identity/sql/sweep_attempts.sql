-- A few forgotten keys go with every new attempt, so that made-up names do not fill the table.
delete from phoenix.sign_in_failures where key in (
  select key from phoenix.sign_in_failures where last_at < phoenix.now() - interval '1 day'
   order by last_at limit 10 for update skip locked)
