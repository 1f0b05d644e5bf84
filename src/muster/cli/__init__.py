"""The command muster, over the client."""
