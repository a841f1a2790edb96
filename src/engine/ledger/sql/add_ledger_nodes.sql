-- $1 levels, $2 indexes, $3 their hashes one after the other
insert into phoenix.ledger_nodes (level, index, hash)
select w.level, w.index, substr($3::bytea, ((w.n - 1) * 32 + 1)::int, 32)
  from unnest($1::bigint[], $2::bigint[]) with ordinality as w (level, index, n)
