"""Machines, asked and told by their agents."""
