-- The time that every deadline in the database is compared with.
select phoenix.now() as now
