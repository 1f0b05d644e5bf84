"""HAProxy as a child process, driven by its runtime API."""
