-- $1 reason
with begun as (
  insert into phoenix.event_epochs (epoch, began_after, reason)
  select left(replace(gen_random_uuid()::text, '-', ''), 16), head, $1 from phoenix.event_log
  returning epoch)
update phoenix.event_log set epoch = begun.epoch from begun returning event_log.epoch
