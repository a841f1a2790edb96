-- $1 key; no row when it has ended
select k.service_account_id, k.prefix, k.scopes, k.allowed_addresses, k.rotated_at is not null as rotated,
       phoenix.now() + (k.expires_at - k.created_at) as successor_ends
  from phoenix.api_keys k
 where k.id = $1 and (k.expires_at is null or k.expires_at > phoenix.now())
   for update
