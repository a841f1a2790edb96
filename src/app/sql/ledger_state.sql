-- The ledger from outside: its newest checkpoint, and since when the oldest audit row waits for one.
select l.epoch, c.size, c.root, c.note, phoenix.now() as now,
       (select min(i.at) from phoenix.audit_inbox i) as oldest
  from phoenix.event_log l
  left join lateral (select size, root, note from phoenix.ledger_checkpoints order by id desc limit 1) c on true
