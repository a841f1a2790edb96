-- The btree indexes of the tables that the SDL names: their columns in order, "-name" where they descend. A partial one
-- counts when it leaves out nothing but rows whose column is null.
select c.relname::text, i.indisunique,
       array(select case when i.indoption[k.at::int - 1] & 1 = 1 then '-' else '' end || coalesce(a.attname::text, '()')
               from unnest(i.indkey::int2[]) with ordinality k (attribute, at)
               left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attribute and k.attribute > 0
              where k.at <= i.indnkeyatts
              order by k.at) as columns
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_class x on x.oid = i.indexrelid
  join pg_am m on m.oid = x.relam
 where n.nspname = 'phoenix' and c.relname = any($1) and m.amname = 'btree' and i.indisvalid
   and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\([a-z_]+ IS NOT NULL\)$')
