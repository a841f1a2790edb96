-- $1 at most
select id from phoenix.operations
 where state in ('PENDING', 'RUNNING', 'WAITING') and deadline_at <= phoenix.now()
 order by deadline_at limit $1 for update skip locked
