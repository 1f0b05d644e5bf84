"""Changes to every server of a cluster: what they make of each, and who is next."""
