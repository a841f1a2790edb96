select cursor_key from phoenix.event_log
