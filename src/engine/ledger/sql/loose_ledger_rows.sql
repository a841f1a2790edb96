-- Audit rows that are neither a leaf nor waiting to be one, those that are both, and leaves that no checkpoint covers.
select (select count(*) from phoenix.audit_log a
         where not exists (select 1 from phoenix.audit_leaves l where l.audit_id = a.id)
           and not exists (select 1 from phoenix.audit_inbox i where i.audit_id = a.id)) as forgotten,
       (select count(*) from phoenix.audit_inbox i
         where exists (select 1 from phoenix.audit_leaves l where l.audit_id = i.audit_id)) as doubled,
       (select count(*) from phoenix.audit_leaves l
         where l.index >= coalesce((select size from phoenix.ledger_checkpoints order by id desc limit 1), 0)) as unsigned
