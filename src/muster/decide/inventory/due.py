"""When all of a cluster is read again, though its events are heard."""

from datetime import datetime, timedelta

from muster.model.inventory import Stocktake

EVERY = timedelta(hours=6)
AGAIN = timedelta(seconds=30)  # after it could not be read


def is_due(known: Stocktake, now: datetime) -> bool:
    tried = known.tried_at
    if tried is None or (known.asked_at and known.asked_at > tried):
        return True
    if known.error:
        return now - tried >= AGAIN
    return known.read_at is None or now - known.read_at >= EVERY
