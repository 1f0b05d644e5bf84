"""The HTTP client: typed, synchronous, without the server's code."""
