-- How far the ledger is, and the epoch that its origin names. No checkpoint yet: nulls.
select l.epoch, c.size, c.root, c.note, c.at
  from phoenix.event_log l
  left join lateral (select size, root, note, at from phoenix.ledger_checkpoints order by id desc limit 1) c on true
