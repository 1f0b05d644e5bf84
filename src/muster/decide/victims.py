"""Which nodes go first when there are too many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place
from muster.decide.zones import surplus, zone_of
from muster.model.removal import Order

# Note [Order of removal]
# A server that never served is missed by nobody, so the sick and the unfinished go
# before those in order. Then the outdated go, which lets scaling bring a new revision in
# over time; then the oldest. The index breaks ties, so two planners that see the same
# snapshot choose the same victims.
_RANK = {
    Fitness.DEAD: 0,
    Fitness.GONE: 0,
    Fitness.SICK: 0,
    Fitness.STRANDED: 0,
    Fitness.EMPTY: 1,
    Fitness.STARTING: 1,
    Fitness.LOST: 1,
    Fitness.UNREADY: 2,
    Fitness.PARKED: 2,
    Fitness.READY: 3,
}


def choose_victims(
    draft: Draft, candidates: Sequence[Place], count: int, floor: int
) -> list[Place]:
    """Pick up to `count` places to let go, the least useful first; never a protected one.

    See Note [Order of removal] and `spared`.
    """
    if count <= 0:
        return []
    use = _ORDERS[draft.cluster.removal.order]
    ordered = sorted(
        (each for each in candidates if not each.node.protected),
        key=lambda each: (not each.node.tainted, _RANK[each.fitness], use(draft, each)),
    )
    return spared(_by_zone(draft, ordered, count, candidates), count, candidates, floor)


# Note [Zones of the sick]
# What is ill goes first, wherever it is: keeping it would cost more than an even spread is
# worth. Only among those in order do the zones decide, and only as far as the zones can:
# where those a zone should lose may not go, others do.
def _by_zone(
    draft: Draft, ordered: Sequence[Place], count: int, candidates: Sequence[Place]
) -> Sequence[Place]:
    """Return the same places, those first that zones have too many of.

    See Note [Zones of the sick].
    """
    if not draft.cluster.placement.shares:
        return ordered
    ill = [each for each in ordered if _goes_anyway(each)]
    gone = {each.node.id for each in ill[:count]}
    stay = [each for each in candidates if each.node.id not in gone]
    due = surplus(draft, stay, count - len(gone))
    first, rest = list(ill), []
    for each in ordered:
        if _goes_anyway(each):
            continue
        zone = zone_of(each)
        if due.get(zone, 0) > 0:
            due[zone] -= 1
            first.append(each)
        else:
            rest.append(each)
    return [*first, *rest]


def _goes_anyway(each: Place) -> bool:
    return each.node.tainted or each.fitness is not Fitness.READY


Use = tuple[Any, ...]


def _least_useful(draft: Draft, each: Place) -> Use:
    return each.profile_id == draft.cluster.target, each.node.since, each.node.index


def _oldest(draft: Draft, each: Place) -> Use:
    return each.node.created_at or each.node.since, each.node.index


def _youngest(draft: Draft, each: Place) -> Use:
    age = draft.now - (each.node.created_at or each.node.since)
    return age, -each.node.index


def _oldest_profile(draft: Draft, each: Place) -> Use:
    profile = draft.snapshot.profiles.get(each.profile_id)
    made = profile.created_at if profile else None
    return (True, made, *_oldest(draft, each)) if made else (False, *_oldest(draft, each))


def _random(draft: Draft, each: Place) -> Use:
    said = f"{each.node.id}/{draft.cluster.generation}"
    return (blake2b(said.encode(), digest_size=8).digest(),)


_ORDERS: Mapping[Order, Callable[[Draft, Place], Use]] = {
    Order.LEAST_USEFUL: _least_useful,
    Order.OLDEST_FIRST: _oldest,
    Order.OLDEST_PROFILE_FIRST: _oldest_profile,
    Order.YOUNGEST_FIRST: _youngest,
    Order.RANDOM: _random,
}


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
