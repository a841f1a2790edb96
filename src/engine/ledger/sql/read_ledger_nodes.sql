-- $1 levels, $2 indexes: the hashes in that order, null for what is not there
select coalesce(n.hash, l.leaf_hash) as hash
  from unnest($1::bigint[], $2::bigint[]) with ordinality as w (level, index, place)
  left join phoenix.ledger_nodes n on n.level = w.level and n.index = w.index
  left join phoenix.audit_leaves l on w.level = 0 and l.index = w.index
 order by w.place
