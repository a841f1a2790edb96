-- $1 at most
select phoenix.ledger_checkpoints_thin($1)
