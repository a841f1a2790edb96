-- The time that every deadline is compared with, and the clock of the database's machine.
select phoenix.now() as product, clock_timestamp() as machine
