-- Readers look at the log's state when anything is announced.
select pg_notify('phoenix_events', epoch || ':' || head)::text from phoenix.event_log
