"""What a run says to machines: log lines, metrics, a trace. Off, nothing of it but `observer` is imported."""
