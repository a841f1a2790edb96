-- $1 session, $2 how the second factor was given
update phoenix.sessions set second_factor_at = phoenix.now(),
  amr = amr || array(select m from unnest($2::text[]) m where m <> all (amr))
 where id = $1
