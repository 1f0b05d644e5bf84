"""Machines that become members: ways in, and the door that they come by."""
