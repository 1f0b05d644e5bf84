"""On which member a new instance goes."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from muster.base.errors import Permanent, Transient
from muster.drivers.incus.look import Found
from muster.drivers.incus.members import Member, Roster
from muster.drivers.incus.tags import Tags
from muster.model.placement import Affinity
from muster.model.step import ServerOrder

ONLINE = "Online"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A place that is taken, or about to be."""

    host: str
    tags: Tags


def chosen(
    order: ServerOrder,
    roster: Roster,
    taken: Sequence[Taken],
    doubted: Collection[str] = (),
    near: str = "",
) -> str:
    """Return the member for this order: the one that it asks for, if it does.

    Of those that may be: the one called `near`, where what its node was given lies; else that
    with the fewest of the group where they are to be apart, then of the cluster, then of all.
    Raises `Transient` while none is in order, `Permanent` for a zone that
    does not exist.
    """
    if not roster.clustered and order.group and order.group.affinity is Affinity.ANTI_AFFINITY:
        raise Permanent(f"{order.name} is to be apart from others, and there is one host only")
    if order.host:
        return _asked_for(order, roster, taken, doubted)
    zones = (order.zone,) if order.zone else order.spec.zones
    within = [each for each in roster.members.values() if not zones or each.zones & set(zones)]
    if not within:
        raise Permanent(f"there is no zone {', '.join(zones)} here")
    online = [each for each in within if each.status == ONLINE and (each.takes or zones)]
    if not online:
        states = ", ".join(f"{each.name} is {each.status.lower()}" for each in within)
        raise Transient(f"no member can take {order.name}: {states}")
    sure = [each for each in online if each.name not in doubted]
    allowed = _allowed(order, sure or online, taken)
    if any(each.name == near for each in allowed):
        return near
    counts = _Counts(order, taken)
    return min(allowed, key=counts.rank).name


def _asked_for(
    order: ServerOrder, roster: Roster, taken: Sequence[Taken], doubted: Collection[str]
) -> str:
    """Return the member that the order names; raises `Transient`, for another one may do."""
    member = roster.members.get(order.host)
    if member is None:
        raise Transient(f"there is no host {order.host} for {order.name}", host=order.host)
    if member.status != ONLINE or order.host in doubted:
        state = member.status.lower() if member.status != ONLINE else "silent"
        raise Transient(f"{order.host} cannot take {order.name}: it is {state}", host=order.host)
    if member not in _allowed(order, list(roster.members.values()), taken):
        raise Transient(f"{order.host} will not do for group of {order.name}", host=order.host)
    return order.host


def _allowed(order: ServerOrder, well: list[Member], taken: Sequence[Taken]) -> list[Member]:
    """Return those that the group allows: all of them, unless it insists."""
    if order.group is None:
        return well
    used = {each.host for each in taken if each.tags.group == str(order.group.id)}
    match order.group.affinity:
        case Affinity.ANTI_AFFINITY:
            apart = [each for each in well if each.name not in used]
            if not apart:
                raise Transient(f"every member has one of group {order.group.name} already")
            return apart
        case Affinity.AFFINITY:
            together = [each for each in well if each.name in used]
            if used and not together:
                text = f"the member that has group {order.group.name} takes nothing now"
                raise Transient(text)
            return together or well
        case Affinity.SOFT_AFFINITY:
            return [each for each in well if each.name in used] or well
        case Affinity.SOFT_ANTI_AFFINITY:
            return well


class _Counts:
    """How many each member has, of the order's group, of its cluster, and of all."""

    def __init__(self, order: ServerOrder, taken: Sequence[Taken]) -> None:
        group = str(order.group.id) if order.group else "none"
        self._group = _by_host(each for each in taken if each.tags.group == group)
        self._cluster = _by_host(each for each in taken if each.tags.cluster == order.cluster_id)
        self._all = _by_host(taken)
        together = order.group and order.group.affinity in _TOGETHER
        self._sign = 0 if together else 1

    def rank(self, member: Member) -> tuple[int, int, int, str]:
        name = member.name
        return self._sign * self._group[name], self._cluster[name], self._all[name], name


_TOGETHER = (Affinity.AFFINITY, Affinity.SOFT_AFFINITY)


def _by_host(taken: Iterable[Taken]) -> Counter[str]:
    return Counter(each.host for each in taken)


def places(found: Iterable[Found]) -> list[Taken]:
    return [Taken(host=each.host, tags=each.tags) for each in found]
