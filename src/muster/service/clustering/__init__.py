"""What the clustering API lets one do with clusters and nodes."""
