"""What becomes of each node: what is wanted of it against what is seen of it, as total tables."""

from collections.abc import Mapping
from enum import StrEnum

from muster.model.observed import Seen


class Stage(StrEnum):
    FRESH = "fresh"  # the present server was never yet in order on every count
    SERVED = "served"  # it was, at least once
    BACK = "back"  # it was, its host did not answer for a while, and does again since a moment


class Fitness(StrEnum):
    """How a place stands, whatever is wanted of it."""

    EMPTY = "empty"  # no server, and none was lost
    STARTING = "starting"  # on its way, and not yet too late
    READY = "ready"  # in order on every count
    UNREADY = "unready"  # served, lacks something now, and nothing says that it is sick
    SICK = "sick"  # runs, and its application does not answer
    DEAD = "dead"  # its server is there and will not serve any more
    GONE = "gone"  # its server was there and is no more
    LOST = "lost"  # its host does not answer; it may well be serving
    STRANDED = "stranded"  # its host was waited for and is dead, as far as can be known
    PARKED = "parked"  # somebody put it to rest: nothing is wrong, and nothing is served


FINE = (Fitness.READY, Fitness.PARKED)  # what counts as active
AWAY = frozenset({Fitness.LOST, Fitness.STRANDED})  # on a host that does not answer


class Want(StrEnum):
    STAY = "stay"
    LEAVE = "leave"


class Destiny(StrEnum):
    CREATE = "create"  # fill the place
    AWAIT = "await"  # something happens by itself: look again
    KEEP = "keep"  # nothing to do
    REPLACE = "replace"  # fill the place anew: next incarnation
    DRAIN = "drain"  # no new sessions; the open ones may end
    REMOVE = "remove"  # take the server away
    PART = "part"  # it leaves the cluster with its server
    FORGET = "forget"  # nothing is left in the cloud: strike the place out
    OPERATE = "operate"  # somebody asked for something to be done to its server
    HOLD = "hold"  # something is to be done, but not now: back-off, storm, budget, a full pass
    REST = "rest"  # failed too often: nothing more is tried


FITNESS: Mapping[tuple[Stage, Seen], Fitness] = {
    # Asked for again under the same id: a cloud that lists late makes no twin.
    (Stage.FRESH, Seen.NOTHING): Fitness.EMPTY,
    (Stage.FRESH, Seen.BUILDING): Fitness.STARTING,
    (Stage.FRESH, Seen.RUNNING): Fitness.STARTING,
    (Stage.FRESH, Seen.STOPPED): Fitness.DEAD,
    (Stage.FRESH, Seen.BROKEN): Fitness.DEAD,
    (Stage.FRESH, Seen.UNREACHABLE): Fitness.LOST,
    (Stage.SERVED, Seen.NOTHING): Fitness.GONE,
    # It is being rebooted or rebuilt; it has the time of a start for that.
    (Stage.SERVED, Seen.BUILDING): Fitness.STARTING,
    (Stage.SERVED, Seen.RUNNING): Fitness.UNREADY,
    # Nobody asked for it to stop, so it will not come back by itself.
    (Stage.SERVED, Seen.STOPPED): Fitness.DEAD,
    (Stage.SERVED, Seen.BROKEN): Fitness.DEAD,
    (Stage.SERVED, Seen.UNREACHABLE): Fitness.LOST,
    (Stage.BACK, Seen.NOTHING): Fitness.GONE,
    (Stage.BACK, Seen.BUILDING): Fitness.STARTING,
    # What it was known for was before its host went: it has the time of a start to answer.
    (Stage.BACK, Seen.RUNNING): Fitness.STARTING,
    # A host that got its power back shows what ran on it as stopped, and starts one by one.
    (Stage.BACK, Seen.STOPPED): Fitness.STARTING,
    (Stage.BACK, Seen.BROKEN): Fitness.DEAD,
    (Stage.BACK, Seen.UNREACHABLE): Fitness.LOST,
}

DESTINY: Mapping[tuple[Want, Fitness], Destiny] = {
    (Want.STAY, Fitness.EMPTY): Destiny.CREATE,
    (Want.STAY, Fitness.STARTING): Destiny.AWAIT,
    (Want.STAY, Fitness.READY): Destiny.KEEP,
    # Its health turning marks the cluster, so there is nothing to wait for here.
    (Want.STAY, Fitness.UNREADY): Destiny.KEEP,
    (Want.STAY, Fitness.SICK): Destiny.REPLACE,
    (Want.STAY, Fitness.DEAD): Destiny.REPLACE,
    (Want.STAY, Fitness.GONE): Destiny.REPLACE,
    # Replacing what may be serving would make two of it.
    (Want.STAY, Fitness.LOST): Destiny.AWAIT,
    # The one left behind goes the moment its host is back; no client is sent to it by then.
    (Want.STAY, Fitness.STRANDED): Destiny.REPLACE,
    # Whoever put it to rest wakes it.
    (Want.STAY, Fitness.PARKED): Destiny.KEEP,
    (Want.LEAVE, Fitness.EMPTY): Destiny.FORGET,
    (Want.LEAVE, Fitness.STARTING): Destiny.REMOVE,
    (Want.LEAVE, Fitness.READY): Destiny.DRAIN,
    (Want.LEAVE, Fitness.UNREADY): Destiny.DRAIN,
    (Want.LEAVE, Fitness.SICK): Destiny.DRAIN,
    (Want.LEAVE, Fitness.DEAD): Destiny.REMOVE,
    (Want.LEAVE, Fitness.GONE): Destiny.FORGET,
    # The cloud says no until the host is back, and is asked again then.
    (Want.LEAVE, Fitness.LOST): Destiny.REMOVE,
    # Nobody waits for a dead host: see Note [Remains].
    (Want.LEAVE, Fitness.STRANDED): Destiny.FORGET,
    (Want.LEAVE, Fitness.PARKED): Destiny.DRAIN,
}


def destiny(want: Want, fitness: Fitness) -> Destiny:
    """Look the pair up; whether the time for it has come is decided elsewhere."""
    return DESTINY[want, fitness]
