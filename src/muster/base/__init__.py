"""Things with no opinion about clusters: clocks, errors, ids, delays, logs."""
