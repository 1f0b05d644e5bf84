"""Which places are out of service, with nobody to change that."""

from collections.abc import Iterable

from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place
from muster.decide.limits import spent

FIT_NO_MORE = frozenset({Fitness.SICK, Fitness.DEAD, Fitness.GONE})


# Note [Nobody mends it]
# A node of the new revision that was in order and broke keeps its update from going on. Where
# nothing mends nodes by itself it would do so until the deadline, so the update ends at once
# and says why: it goes no further with a revision that breaks. A way back is not given up for
# that; what is broken there is left as it is.
def beyond_help(draft: Draft, each: Place) -> bool:
    """Return whether a node broke and stays so. See Note [Nobody mends it]."""
    healing = draft.cluster.healing
    tended = healing.enabled or healing.watches or each.request or each.renew_by
    return not tended and each.ready_at is not None and each.fitness in FIT_NO_MORE


def rests(draft: Draft, each: Place) -> bool:
    """Return whether a place left service and stays so: at rest, given up, or not mended.

    One that never served is not meant: nobody can do with fewer because it was opened.
    """
    served = each.ready_at is not None or each.mending
    given_up = served and spent(draft, each)
    return each.fitness is Fitness.PARKED or given_up or beyond_help(draft, each)


# Note [Missed by nobody]
# A floor says how many have to be in service. Of a cluster with a node that somebody stopped, or
# that was given up, so many never are, and whoever waits for them waits for ever: for a host to be
# left, an old revision to go. So nodes that rest and stay lower it while others are exchanged: as
# many serve afterwards as could before, and one at least, where one has to.
def attainable(draft: Draft, staying: Iterable[Place], floor: int) -> int:
    """Return the floor as far as it can be kept. See Note [Missed by nobody]."""
    resting = sum(rests(draft, each) for each in staying)
    return max(floor - resting, min(floor, 1))
