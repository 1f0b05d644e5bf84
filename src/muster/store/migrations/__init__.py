"""The schema's history, forward only; run by `muster.store.schema`."""
