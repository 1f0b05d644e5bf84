"""What is done to the project's own sources."""
