"""Nodes on hosts that are being left: others are made elsewhere first, and then they go."""

from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place
from muster.decide.rest import attainable
from muster.decide.rolling import Budget, budget
from muster.decide.victims import spared
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.profile import Profile


def is_idle(node: Node) -> bool:
    """Return whether nobody would miss a node while it is moved as it is."""
    return node.standby or bool(node.parked)


def bound(node: Node, profile: Profile | None) -> str:
    """Return why a node is not replaced by another elsewhere, "" where it may be."""
    if node.protected:
        return "it is protected"
    if profile is not None and profile.server.host:
        return "its profile names its host"
    if profile is not None and profile.server.disks:
        return "it has disks of its own"
    return ""


def is_cordoned(draft: Draft, each: Place) -> bool:
    """Return whether a place is filled on a host that is being left."""
    return each.server is not None and each.server.host in draft.snapshot.cordoned


# Note [Made before left]
# Whoever stands on a host that is being left goes as in an update: another one is made elsewhere,
# as many at once as the cluster's budget lets it have more than desired, one at least; once that
# serves, one of those leaves the pool, ends what it is answering, and is taken away. Never are
# fewer in service than the budget says, and one at least, for a cluster of one would be none.
# Where no more than desired may be, one goes first, if others serve.
def displaced(draft: Draft) -> list[Place]:
    """Return the serving places that are to be elsewhere. See Note [Made before left]."""
    if not draft.snapshot.cordoned or draft.snapshot.solo:
        return []
    profiles = draft.snapshot.profiles
    return [
        each
        for each in draft.serving
        if is_cordoned(draft, each)
        and each.fitness is not Fitness.LOST
        and not is_idle(each.node)
        and each.node.id not in draft.snapshot.tied
        and not bound(each.node, profiles.get(each.profile_id))
    ]


def allowance(cluster: Cluster) -> Budget:
    """Return the budget of a cluster while it leaves a host."""
    usual, cap = budget(cluster), cluster.placement.cap
    room = 1 if cap is None else max(cap - cluster.desired - cluster.standing_by, 0)
    least = min(cluster.desired, 1)
    return Budget(surge=max(usual.surge, min(room, 1)), floor=max(usual.floor, least))


def successors(draft: Draft) -> int:
    """Return how many places are to be opened elsewhere in this pass."""
    moving = displaced(draft)
    if not moving:
        return 0
    desired, serving = draft.cluster.desired, len(draft.serving)
    room = desired + allowance(draft.cluster).surge - serving
    return max(0, min(room, desired - (serving - len(moving))))


def departing(draft: Draft) -> tuple[list[Place], bool]:
    """Return the places that go in this pass, and whether more have to wait for others."""
    moving = displaced(draft)
    if not moving:
        return [], False
    serving, floor = draft.serving, allowance(draft.cluster).floor
    ordered = sorted(moving, key=lambda each: (each.fitness is Fitness.READY, each.node.index))
    going = {each.node.id for each in moving}
    least = attainable(draft, (e for e in serving if e.node.id not in going), floor)
    leaving = spared(ordered, len(serving) - floor, serving, least)
    return leaving, len(leaving) < len(moving)
