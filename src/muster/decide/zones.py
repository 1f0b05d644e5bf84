"""Which zone each new node belongs to, and from which zones nodes go when there are too many."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor

from muster.decide.draft import Draft, Place
from muster.model.placement import Share
from muster.model.profile import ServerSpec


# Note [Quotas]
# As the original reckons: each zone's quota is its share of the whole, rounded up when the
# cluster grows, and the weightiest zones are filled first; rounded down when it shrinks, and
# the lightest are emptied first. Quotas rounded so add up to at least what has to be placed,
# or leave at most what has to stay: there is always a plan.
def spread(current: Mapping[str, int], shares: Sequence[Share], change: int) -> dict[str, int]:
    """Return how many nodes each zone gains, or loses where `change` is below zero.

    `current` may know zones that have no share: those neither gain nor lose. See
    Note [Quotas].
    """
    grows = change > 0
    there = {each.zone: current.get(each.zone, 0) for each in shares}
    left = abs(change) if grows else min(-change, sum(there.values()))
    total = sum(there.values()) + (left if grows else -left)
    weights = sum(each.weight for each in shares)
    plan: dict[str, int] = {}
    for each in sorted(shares, key=lambda each: -each.weight if grows else each.weight):
        share = total * each.weight / weights
        room = ceil(share) - there[each.zone] if grows else there[each.zone] - floor(share)
        take = min(max(room, 0), left)
        if take:
            plan[each.zone] = take
            left -= take
    return plan


def shares_in_force(draft: Draft) -> tuple[Share, ...]:
    """Return the shares of those zones that the cloud has; none where any zone will do."""
    cloud = draft.snapshot.cloud
    shares = draft.cluster.placement.shares
    if cloud.zones and not cloud.open_catalog:
        shares = tuple(each for each in shares if each.zone in cloud.zones)
    return shares if any(each.weight for each in shares) else ()


def zones_for(draft: Draft, count: int, spec: ServerSpec | None) -> list[str]:
    """Return a zone for each of `count` new nodes, "" where any will do.

    A profile that names its zones itself has its way.
    """
    shares = shares_in_force(draft)
    if not shares or (spec and spec.zones):
        return [""] * count
    plan = spread(_count(draft.staying), shares, count)
    zones: list[str] = []
    while plan:  # in turns, so that a pass which may not open all of them is fair, too
        zones += plan
        plan = {zone: more - 1 for zone, more in plan.items() if more > 1}
    return zones


def surplus(draft: Draft, places: Iterable[Place], count: int) -> dict[str, int]:
    """Return how many of `places` each zone is to lose so that `count` go in all."""
    shares = shares_in_force(draft)
    return spread(_count(places), shares, -count) if shares and count else {}


def zone_of(each: Place) -> str:
    """Return where a place is, or is to be as long as it has no server."""
    return each.node.zone or each.node.wanted_zone


def _count(places: Iterable[Place]) -> Counter[str]:
    return Counter(zone_of(each) for each in places)
