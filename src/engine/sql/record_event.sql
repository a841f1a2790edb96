-- $1 tenant, $2 type, $3 object, $4 kind, $5 version, $6 payload
insert into phoenix.event_inbox (tenant_id, type, object_id, kind, version, payload) values ($1, $2, $3, $4, $5, $6)
