"""How many places there are: opened, taken back, promoted, or let go until the count is right."""

from typing import Any
from uuid import UUID

from muster.decide.cordon import allowance, departing, displaced, is_cordoned, successors
from muster.decide.departures import farewell
from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place, names
from muster.decide.draft import place as placed
from muster.decide.naming import member_name
from muster.decide.rolling import budget, openings, retirements, rolling, wait_for_age
from muster.decide.victims import choose_victims
from muster.decide.zones import zones_for
from muster.model.cluster import Cluster
from muster.model.node import Leaving, Node, NodeStatus, Why, node_id
from muster.model.placement import Group

IN_CREATION = "Creation in progress"
_TAKEN_BACK = frozenset({Why.SCALE_IN, Why.UPDATE, Why.EVACUATE})


def fit_to_size(draft: Draft) -> None:
    """Bring the number of places that stay to what is desired, and an update one wave on."""
    cluster = draft.cluster
    missing = cluster.desired - len(draft.serving)
    fresh = openings(draft)
    fill(draft, fresh, cluster.target)
    fill(draft, missing - fresh, draft.opening)
    moving = bool(displaced(draft))
    fill(draft, successors(draft), draft.opening)
    _depart(draft)
    _shrink(draft, len(draft.serving) - cluster.desired - _surplus_allowed(cluster, moving))
    _retire(draft, fresh)
    _fit_standby(draft)


def _surplus_allowed(cluster: Cluster, moving: bool) -> int:
    """Return how many more than desired may stay while nodes move elsewhere or are updated."""
    if moving:
        return allowance(cluster).surge
    under_way = cluster.rollout is not None and cluster.rollout.under_way
    return budget(cluster).surge if under_way else 0


# Note [Taken back]
# A node that drains still runs and is still in the pool, where its sessions go on. Asked
# for more, the cheapest node is the one that is not gone yet. Once it is out of the pool
# its server may be on its way out, too, and a new place is the honest answer.
def fill(draft: Draft, count: int, profile_id: UUID) -> None:
    """Find `count` more nodes: taken back, promoted, or opened. See Note [Taken back]."""
    for each in _returnable(draft, profile_id)[: max(count, 0)]:
        each.leaving = None
        each.edit(leaving=None, open_requests=0)
        draft.tell("node.taken_back", "needed again before it was gone", each)
        count -= 1
    for each in _promotable(draft, profile_id)[: max(count, 0)]:
        each.standby = False
        each.available = False
        if draft.balanced and each.fitness is Fitness.READY:
            each.fitness = Fitness.UNREADY  # until it is in the pool
        each.edit(standby=False)
        count -= 1
    if count > 0:
        _open(draft, count, profile_id, standby=False)


def _returnable(draft: Draft, profile_id: UUID) -> list[Place]:
    return [
        each
        for each in draft.places
        if each.leaving
        and each.leaving.why in _TAKEN_BACK
        and (each.member or _still_stays(draft, each))
        and each.fitness is Fitness.READY
        and each.profile_id == profile_id
        and not is_cordoned(draft, each)
    ]


def _still_stays(draft: Draft, each: Place) -> bool:
    """Return whether its server is not touched yet, for it has grace or is asked about."""
    leaving = each.leaving
    if leaving is None or each.standby:
        return False
    graced = leaving.not_before is not None and draft.now < leaving.not_before
    return graced or leaving.hook is not None


def _promotable(draft: Draft, profile_id: UUID) -> list[Place]:
    """Return the standby places, the ready ones first."""
    standing = [e for e in draft.staying if e.standby and e.profile_id == profile_id]
    fit = [each for each in standing if not is_cordoned(draft, each)]
    return sorted(fit, key=lambda each: (not each.available, each.node.index))


def _open(draft: Draft, count: int, profile_id: UUID, *, standby: bool) -> None:
    cluster, now = draft.cluster, draft.now
    first = cluster.next_index
    empty = sum(each.fitness is Fitness.EMPTY and not each.leaving for each in draft.places)
    now_asked = draft.creates - empty  # the rest has to wait for a later pass
    profile = draft.snapshot.profiles.get(profile_id)
    zones = zones_for(draft, count, profile.server if profile else None)
    for index, zone in zip(range(first, first + count), zones, strict=True):
        asked = index - first < now_asked
        id = node_id(cluster.id, index)
        node = Node(
            id=id,
            cluster_id=cluster.id,
            project=cluster.project,
            user=cluster.user,
            domain=cluster.domain,
            index=index,
            name=member_name(cluster, index, id),
            profile_id=profile_id,
            port=draft.port_of(profile_id),
            since=now,
            status=NodeStatus.CREATING if asked else NodeStatus.INIT,
            reason=IN_CREATION if asked else "",
            began_at=now if asked else None,
            standby=standby,
            wanted_zone=zone,
            data=_told(cluster.placement.group, zone),
        )
        each = placed(node)
        each.opened = True
        draft.places.append(each)
    draft.change(next_index=first + count)


def _told(group: Group | None, zone: str) -> dict[str, Any]:
    """Return what a new node's data tells of where it was placed, and with whom."""
    said = {"zone": zone} if zone else {}
    if group:
        said["servergroup"] = str(group.id)
    return {"placement": said} if said else {}


def _shrink(draft: Draft, excess: int) -> None:
    """Let the places go that are too many."""
    if excess <= 0:
        return
    floor = budget(draft.cluster).floor
    victims = choose_victims(draft, draft.serving, excess, floor)
    for each in victims:
        release(draft, each, Why.SCALE_IN, "more than are wanted")
    if len(victims) < excess:
        wait_for_age(draft, draft.serving)


def _depart(draft: Draft) -> None:
    """Let places on hosts that are being left go, as far as others serve."""
    leaving, held = departing(draft)
    for each in leaving:
        release(draft, each, Why.EVACUATE, "its host is being left")
    if held:
        wait_for_age(draft, draft.serving)


def _retire(draft: Draft, fresh: int) -> None:
    rollout = rolling(draft.cluster)
    leaving = retirements(draft)
    for each in leaving:
        release(draft, each, Why.UPDATE, "of an earlier revision")
    if rollout and (leaving or fresh):
        new = [each for each in draft.serving if each.profile_id == rollout.target]
        said = f"{fresh} new" if fresh else ""
        gone = f"{names(leaving)} to go" if leaving else ""
        draft.tell(
            "rollout.wave",
            ", ".join(each for each in (said, gone) if each),
            done=sum(each.available for each in new),
            total=draft.cluster.desired,
        )


def release(draft: Draft, each: Place, why: Why, reason: str) -> None:
    """Let one place go: its open sessions have until the deadline."""
    each.leaving = leaving = farewell(draft, each, why, reason)
    each.available = False
    each.edit(leaving=leaving, retry_at=None, renew_by=None)
    each.renew_by = None
    if each.member and leaving.hook is None:
        draft.tell("node.draining", reason, each)


def _fit_standby(draft: Draft) -> None:
    """Keep as many standing by as asked for; outdated ones serve nobody, so they just go."""
    wanted, standing = draft.cluster.standing_by, [e for e in draft.staying if e.standby]
    if not (wanted or standing):
        return
    profile_id = draft.opening
    outdated = [
        each
        for each in standing
        if each.profile_id != profile_id and not each.node.protected and not draft.mixed_by_intent
    ]
    for each in outdated:
        release(draft, each, Why.UPDATE, "of an earlier revision")
    left = [each for each in standing if each.leaving is None]
    for each in choose_victims(draft, left, len(left) - wanted, 0):
        release(draft, each, Why.SCALE_IN, "more than are to stand by")
    _open(draft, max(0, wanted - len(left)), profile_id, standby=True)


def dissolve(draft: Draft) -> None:
    """Let every place go, for the cluster is to be deleted."""
    now = draft.now
    leaving = Leaving(why=Why.DELETE, since=now, deadline=now, reason="the cluster goes")
    for each in draft.places:
        if each.leaving is None or each.leaving.why is not Why.DELETE:
            each.leaving = leaving
            each.available = False
            each.edit(leaving=each.leaving)
