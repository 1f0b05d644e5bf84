"""Which nodes go first when there are too many."""

from collections.abc import Iterable
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
    candidates: Iterable[Place], count: int, target: UUID, spare: int
) -> list[Place]:
    """Pick up to `count` places to let go, the least useful first; never a protected one.

    Of those that are available at most `spare` are taken, so that what is left never
    serves less than it has to. See Note [Order of removal].
    """

    def use(each: Place) -> tuple[bool, int, bool, datetime, int]:
        node = each.node
        current = each.profile_id == target
        return not node.tainted, _RANK[each.fitness], current, node.since, node.index

    chosen: list[Place] = []
    for each in sorted((e for e in candidates if not e.node.protected), key=use):
        if len(chosen) >= count:
            break
        if each.available:
            if spare <= 0:
                continue
            spare -= 1
        chosen.append(each)
    return chosen
