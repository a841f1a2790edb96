-- $1 up to this number
select phoenix.event_partitions_ensure($1)
