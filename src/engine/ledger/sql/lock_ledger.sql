-- One sequencer of the ledger at a time, over all server processes, until its transaction ends.
select pg_advisory_xact_lock(7310583927102)
