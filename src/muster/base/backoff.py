"""How long to wait before trying again: growing, bounded, spread by a hash and not by dice."""

from datetime import timedelta
from hashlib import blake2b

FIRST = timedelta(seconds=0.2)
LONGEST = timedelta(seconds=60)


def delay(key: str, attempt: int) -> timedelta:
    """Return the wait before try number `attempt + 1` of what `key` names.

    Doubles from 0.2 s to a minute. The same key and attempt always give the same
    answer; different keys are spread over the upper half of the range, so that a
    thousand failures of one moment do not come back as a thousand tries of another.
    """
    whole = doubled(attempt, FIRST, LONGEST)
    digest = blake2b(f"{key}/{attempt}".encode(), digest_size=4).digest()
    share = int.from_bytes(digest, "big") / 2**32
    return whole * (0.5 + share / 2)


def doubled(attempt: int, first: timedelta, longest: timedelta) -> timedelta:
    """Return the wait of one who is alone in trying: twice the last, up to the longest."""
    doublings = min(max(attempt, 1) - 1, 20)
    return min(first * float(1 << doublings), longest)
