-- $1 how long they are kept, $2 at most
delete from phoenix.idempotency_keys
 where id in (select id from phoenix.idempotency_keys where created_at < phoenix.now() - $1::interval
               order by created_at limit $2 for update skip locked)
