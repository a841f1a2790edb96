-- min-binary: 1
-- The key under which places in the events log are sealed for clients: see src/api/event_cursor.hpp. It lives beside the
-- log, so that all servers on one database read each other's cursors, and a backup takes it along.
alter table phoenix.event_log
  add column cursor_key bytea not null default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    check (octet_length(cursor_key) = 32);

-- migrate: down
-- down-guard: none
-- Cursors given out do not open any more and are answered with RESYNC.
alter table phoenix.event_log drop column cursor_key;
