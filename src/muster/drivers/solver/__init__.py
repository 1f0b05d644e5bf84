"""The solver port by processes of their own, which end with ours."""
