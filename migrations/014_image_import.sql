-- min-binary: 1
-- An import is an operation: its image is in the catalogue from the start, and usable once it is READY.
alter table phoenix.images
  add column state text not null default 'READY' check (state in ('IMPORTING', 'READY', 'FAILED')),
  -- Why it failed, for people.
  add column state_reason text,
  -- The file of the import folder; never shown by the API.
  add column source_file text not null default '',
  drop constraint images_sha256_check,
  add constraint images_sha256_check check (sha256 ~ '^[0-9a-f]{64}$' or (sha256 = '' and state <> 'READY')),
  add constraint images_failed_says_why check ((state = 'FAILED') = (state_reason is not null));
grant select (state, state_reason) on phoenix.images to phoenix_tenant;
grant delete on phoenix.images to phoenix_platform;

-- migrate: down
-- down-guard: select name from phoenix.images where state <> 'READY'
revoke delete on phoenix.images from phoenix_platform;
alter table phoenix.images
  drop constraint images_failed_says_why,
  drop constraint images_sha256_check,
  drop column state, drop column state_reason, drop column source_file,
  add constraint images_sha256_check check (sha256 ~ '^[0-9a-f]{64}$');
