"""Clusters in one call: flat bodies, stacks, live events."""
