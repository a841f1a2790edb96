-- $1 ids up to this were looked at
select exists (select 1 from phoenix.event_inbox where id > $1)
