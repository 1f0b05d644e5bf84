"""The agent on a machine: does what its control plane asks; the standard library alone."""
