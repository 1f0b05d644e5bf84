"""A cloud of processes on this machine, each with an address of its own."""
