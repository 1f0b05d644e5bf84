"""Octavia's load balancers, one for each pool."""
