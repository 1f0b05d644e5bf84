"""HAProxy in an instance of the cluster's own network."""
