"""The one place that chooses implementations, and the commands that run a server."""
