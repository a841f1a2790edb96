-- $1 size, $2 root, $3 the signed note
insert into phoenix.ledger_checkpoints (size, root, note) values ($1, $2, $3)
