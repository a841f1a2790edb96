select epoch, head, retained_after from phoenix.event_log
