"""Where names are published."""
