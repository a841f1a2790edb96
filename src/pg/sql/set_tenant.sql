-- Opens every tenant segment; ends by itself at the segment's Sync.
select set_config('phoenix.tenant_id', $1, true)
