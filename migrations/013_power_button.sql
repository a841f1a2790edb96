-- min-binary: 1
-- When the machine's power button was last pressed for it: until the process has ended the guest may still obey.
alter table phoenix.virtual_machines add column power_pressed_at timestamptz;

-- migrate: down
-- down-guard: select id from phoenix.virtual_machines where power_pressed_at is not null
alter table phoenix.virtual_machines drop column power_pressed_at;
