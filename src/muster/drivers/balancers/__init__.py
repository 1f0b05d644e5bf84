"""Load balancers that serve more than one cloud."""
