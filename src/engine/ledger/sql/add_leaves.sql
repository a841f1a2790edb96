-- $1 index of the first, $2 audit ids, $3 their hashes one after the other
insert into phoenix.audit_leaves (index, audit_id, leaf_hash)
select $1 + a.n - 1, a.id, substr($3::bytea, ((a.n - 1) * 32 + 1)::int, 32)
  from unnest($2::uuid[]) with ordinality as a (id, n)
