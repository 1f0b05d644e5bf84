"""Muster: one control plane for clusters, from bare servers to self-sizing services."""

__version__ = "0.1.0"
