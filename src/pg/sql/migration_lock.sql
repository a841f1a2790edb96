-- Tried, not waited for: a session that waits inside a statement holds a snapshot, and CREATE INDEX CONCURRENTLY of the
-- holder would wait for that snapshot for ever.
select pg_try_advisory_lock(6172837465)
