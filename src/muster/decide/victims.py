"""Which nodes go first when there are too many."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from muster.decide.destiny import Fitness
from muster.decide.draft import Place

# Note [Order of removal]
# A server that never served is missed by nobody, so the sick and the unfinished go
# before those in order. Then the outdated go, which lets scaling bring a new revision in
# over time; then the oldest. The index breaks ties, so two planners that see the same
# snapshot choose the same victims.
_RANK = {
    Fitness.DEAD: 0,
    Fitness.GONE: 0,
    Fitness.SICK: 0,
    Fitness.EMPTY: 1,
    Fitness.STARTING: 1,
    Fitness.LOST: 1,
    Fitness.UNREADY: 2,
    Fitness.READY: 3,
}


def choose_victims(
    candidates: Sequence[Place], count: int, target: UUID, floor: int
) -> list[Place]:
    """Pick up to `count` places to let go, the least useful first; never a protected one.

    See Note [Order of removal] and `spared`.
    """

    def use(each: Place) -> tuple[bool, int, bool, datetime, int]:
        node = each.node
        current = each.profile_id == target
        return not node.tainted, _RANK[each.fitness], current, node.since, node.index

    ordered = sorted((each for each in candidates if not each.node.protected), key=use)
    return spared(ordered, count, candidates, floor)


# Note [Young and serving]
# A node that is ready, and not yet for long enough, does not count for what an update has
# achieved. But it answers clients: letting it go is felt. So both counts have to stay
# above the floor, the ready and the available.
def spared(
    ordered: Iterable[Place], count: int, serving: Sequence[Place], floor: int
) -> list[Place]:
    """Return the first `count` of `ordered` that `serving` can do without.

    What is not ready costs nothing; what is may go only while more than `floor` are. See
    Note [Young and serving].
    """
    ready = sum(each.fitness is Fitness.READY for each in serving)
    available = sum(each.available for each in serving)
    chosen: list[Place] = []
    for each in ordered:
        if len(chosen) >= count:
            break
        if each.fitness is Fitness.READY:
            if ready <= floor or (each.available and available <= floor):
                continue
            ready -= 1
            available -= each.available
        chosen.append(each)
    return chosen
