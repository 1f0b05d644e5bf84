"""How much, how often, and when next: caps per pass, back-off, and the pace of looking."""

from datetime import datetime, timedelta

from muster.base.backoff import delay
from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place

REFUSED = timedelta(seconds=60)  # before a deletion that may never be is tried again
AGAIN = timedelta(seconds=2)  # before a deletion that was asked for is asked for again
STEADY = timedelta(seconds=60)  # in service for so long: what comes next is a new trouble
_QUICK, _SLOW = timedelta(seconds=0.2), timedelta(seconds=2)
_YOUNG = timedelta(seconds=10)
DRAIN_LOOK = timedelta(seconds=0.5)
LONG_PASS = timedelta(seconds=10)
LOST_LOOK = timedelta(seconds=10)


# Note [Long passes]
# Where many servers are asked for at once, each waits for its turn at a cloud that makes a few
# a second, and those that are there first wait to be looked at until the last one is. None of
# that is held against them: in such a pass the time that a start may take begins when it is known
# that the server is there.
def start_counts_from(asked: datetime, now: datetime) -> datetime:
    """Return since when a server that is there now may be called late. See Note [Long passes]."""
    return asked if now - asked <= LONG_PASS else now


def spent(draft: Draft, each: Place) -> bool:
    """Return whether this place has failed too often in a row to be tried again."""
    if each.fitness is Fitness.READY or each.node.tries == 0:
        return False
    return failures(draft, each) >= draft.cluster.healing.max_tries


def failures(draft: Draft, each: Place) -> int:
    """Return the failures in a row: a server that served for a while has ended the row."""
    served = each.ready_at is not None
    return 0 if served and not broke_soon(draft, each) else each.node.tries


def refused_lately(draft: Draft, each: Place) -> bool:
    """Return whether a cloud said of its deletion "never", and not long ago.

    A place on its way out is not given up: what is refused today may be allowed tomorrow.
    """
    node = each.node
    never = node.tries >= draft.cluster.healing.max_tries and node.retry_at is None
    return never and node.updated_at is not None and draft.now - node.updated_at < REFUSED


def broke_soon(draft: Draft, each: Place) -> bool:
    """Return whether its server was in service only for moments before it fell ill."""
    since = each.node.sick_since or draft.now
    return each.ready_at is not None and since - each.ready_at < STEADY


def resting(draft: Draft, each: Place) -> datetime | None:
    """Return until when the place's back-off lasts, None when it is over."""
    until = each.node.retry_at
    return until if until is not None and until > draft.now else None


def backed_off(each: Place, tries: int, now: datetime) -> datetime:
    """Return when the next try of a place is due after so many failures."""
    return now + delay(str(each.node.id), tries)


def next_look(began: datetime, now: datetime) -> datetime:
    """Return when to look again at something that began then: often at first, then less."""
    age = now - began
    if age < _YOUNG:
        return now + _QUICK
    return now + min(_SLOW, _QUICK * (age / _YOUNG))
