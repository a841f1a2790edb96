-- $1 how long events are kept
select phoenix.event_partitions_drop(phoenix.now() - $1::interval)
