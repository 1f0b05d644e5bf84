"""The store port, kept: one data layer over SQLite and PostgreSQL."""
