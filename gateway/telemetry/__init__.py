"""Facts turned into log lines and metrics."""
