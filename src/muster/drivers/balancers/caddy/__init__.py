"""Caddy as a child process, driven by its admin API."""
