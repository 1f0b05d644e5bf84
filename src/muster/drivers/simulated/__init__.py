"""A cloud in a dictionary or a file, with delays, capacity and faults on request."""
