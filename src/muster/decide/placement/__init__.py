"""The placement solver: a problem of values in; a placement, a proof of none, or neither out."""
