"""Hosts for the servers of one pass as a placement problem, and in words why one has none."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from muster.decide.spots.wants import SOFT, Ground, Want, claim_id, is_apart
from muster.decide.vclusters.claims import left
from muster.model.placement import Group
from muster.model.placing import (
    BY_ZONE,
    Host,
    Item,
    Problem,
    Relation,
    Rule,
    Scope,
    zone_mark,
)

_MARK = "yes"
_GROUP = "group"  # by the rule of the group one more may come
_BETWEEN = "~"  # a host's turn, and its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The hosts for one group of servers, with what nobody has, and who stands there already."""

    hosts: tuple[Host, ...]
    own: Counter[str]  # servers of the cluster, by host
    used: Counter[str]  # those of the group, other clusters' too
    group: Group | None
    apart: bool = False  # a rule that is kept: one of the group on each host
    drawn: bool = False  # likewise: all of it on one


def setting(
    ground: Ground, group: Group | None, wants: Sequence[Want], *, strict: bool = True
) -> Setting:
    """Return what the hosts are like for these wants: who is to leave stands nowhere any more.

    `strict`: what a soft affinity draws to one host has to be there, too.
    """
    coming = {id for want in wants for id in (want.id, claim_id(want))}
    own = Counter(host for id, host in ground.standing.items() if id not in coming)
    others = Counter(host for id, host in ground.group.items() if id not in coming)
    claims = [each for each in ground.claims if each.id not in coming]
    zoned = all(want.zones for want in wants)
    hosts = tuple(
        replace(host, open=host.open or (zoned and BY_ZONE in host.labels))
        for host in left(ground.room, claims)
    )
    hard = group is not None and group.affinity not in SOFT
    return Setting(
        hosts=hosts,
        own=own,
        used=own + others if group else own,
        group=group,
        apart=hard and is_apart(group),
        drawn=group is not None and not is_apart(group) and (hard or strict),
    )


# Note [Hosts in turn]
# The solver breaks ties by the id of a host. So each goes by a number that says when it is its
# turn: zones in turn, that with the fewest of the cluster first, and in each the host with the
# fewest of it, then the one that has most left; so too among zones that have as many of it. A
# soft rule beside the cluster's own says that no host and no zone gets more than its part of
# those that come, where there is a choice.
def problem(scene: Setting, wants: Sequence[Want]) -> Problem:
    """Return the problem whose answer is a host for each want. See Note [Hosts in turn].

    Who is there already is no item of it: where they are is told by marks of hosts, which
    keeps what a large cluster needs for one more node small.
    """
    items = tuple(_item(scene, want) for want in wants)
    fair = ceil((len(wants) + scene.own.total()) / max(sum(h.open for h in scene.hosts), 1))
    asked = frozenset(mark for want in wants for mark in _needs(scene, want))
    unions = {_any_of(want.zones): want.zones for want in wants if len(want.zones) > 1}
    hosts = tuple(
        replace(
            host,
            id=f"{turn:05}{_BETWEEN}{host.id}",
            labels=dict.fromkeys(asked & {*_marks(scene, host, unions, asked)}, _MARK),
            reserve=not scene.drawn and scene.own[host.id] >= fair,
        )
        for turn, host in enumerate(in_turn(scene))
    )
    return Problem(hosts=hosts, items=items, rules=tuple(_rules(scene, wants, fair)))


def places(answer: Mapping[str, str]) -> dict[str, str]:
    """Return the answer to such a problem with the names that hosts have."""
    return {item: host.partition(_BETWEEN)[2] for item, host in answer.items()}


def at_most(scene: Setting, wants: Sequence[Want]) -> int:
    """Return how many of the wants can have a place at all where a rule keeps them apart."""
    if not scene.apart:
        return len(wants)
    return min(len(wants), sum(host.open and not scene.used[host.id] for host in scene.hosts))


def in_turn(scene: Setting) -> list[Host]:
    """Return the hosts in the order in which they are offered. See Note [Hosts in turn]."""
    zones: dict[str, list[Host]] = {}
    for host in sorted(scene.hosts, key=lambda host: host.id):
        zones.setdefault(host.zone, []).append(host)
    most = _most(scene.hosts)
    sign = -1 if scene.drawn else 1
    order = []
    for zone, hosts in zones.items():
        there = sign * sum(scene.own[host.id] for host in hosts)
        hosts.sort(key=lambda host: (sign * scene.own[host.id], -_share(host, most), host.id))
        order += [
            (there + turn, -_share(host, most), zone, host) for turn, host in enumerate(hosts)
        ]
    return [host for *_, host in sorted(order, key=lambda each: each[:3])]


def why_not(scene: Setting, want: Want) -> str:
    """Return in words why no host takes a server."""
    within = [host for host in scene.hosts if not want.zones or _in(host, want.zones)]
    where = f" in {' or '.join(want.zones)}" if any(want.zones) else ""
    if not within:
        return f"there is no host{where} for {want.name}"
    reasons = Counter(_obstacle(scene, want, host) for host in within)
    said = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
    return f"no host for {want.name}: of {len(within)}{where}, {said}"


def _obstacle(scene: Setting, want: Want, host: Host) -> str:
    name = scene.group.name if scene.group else ""
    if host.id == want.leaves:
        return "is the one that it leaves"
    if want.host and host.id != want.host:
        return "not asked for"
    if not host.open:
        return "away or in maintenance"
    if scene.apart and scene.used[host.id]:
        return f"with one of group {name} already"
    if scene.drawn and scene.used and not scene.used[host.id]:
        return f"without group {name}, which is to be together"
    return "too full" if not _fits(host, want.item) else "taken by others that come at once"


def _item(scene: Setting, want: Want) -> Item:
    return replace(want.item, labels=dict.fromkeys(_needs(scene, want), _MARK))


def _needs(scene: Setting, want: Want) -> Iterator[str]:
    """Yield the marks that a host must have for this want."""
    if len(want.zones) == 1:
        yield zone_mark(want.zones[0])
    elif want.zones:
        yield _any_of(want.zones)
    if want.near or want.host:
        yield f"is:{want.host or want.near}"
    if want.leaves:
        yield f"not:{want.leaves}"
    if scene.apart or (scene.drawn and scene.used):
        yield _GROUP


def _marks(
    scene: Setting, host: Host, unions: Mapping[str, Sequence[str]], asked: Iterable[str]
) -> Iterator[str]:
    """Yield the marks that a host has, of those that anybody asks for."""
    yield from (*host.labels, zone_mark(host.zone), f"is:{host.id}")
    yield from (mark for mark, zones in unions.items() if _in(host, zones))
    yield from (m for m in asked if m.startswith("not:") and m != f"not:{host.id}")
    if bool(scene.used[host.id]) is not scene.apart:
        yield _GROUP


def _rules(scene: Setting, wants: Sequence[Want], fair: int) -> Iterator[Rule]:
    members = tuple(str(want.id) for want in wants)
    if len(members) < 2:
        return
    if scene.drawn:
        yield Rule(name="group", relation=Relation.TOGETHER, members=members)
        return
    apart = Rule(name="group", relation=Relation.APART, members=members)
    yield apart if scene.apart else replace(apart, name="even", most=fair, soft=True)
    zones = {host.zone for host in scene.hosts if host.open}
    if len(zones) > 1 and any(len(want.zones) != 1 for want in wants):
        most = ceil((len(wants) + scene.own.total()) / len(zones))
        yield replace(apart, name="zones", scope=Scope.ZONE, most=most, soft=True)


def _any_of(zones: Sequence[str]) -> str:
    return zone_mark("|".join(sorted(zones)))


def _in(host: Host, zones: Sequence[str]) -> bool:
    return any(zone == host.zone or zone_mark(zone) in host.labels for zone in zones)


def _fits(host: Host, item: Item) -> bool:
    pairs = [(host.vcpus, item.vcpus), (host.ram_mib, item.ram_mib)]
    pairs += [(host.disk_gib.get(pool, 0), size) for pool, size in item.disk_gib.items()]
    return all(free is None or need <= free for free, need in pairs)


def _most(hosts: Iterable[Host]) -> tuple[int, int]:
    every = list(hosts)
    return (
        max((host.vcpus or 0 for host in every), default=0),
        max((host.ram_mib or 0 for host in every), default=0),
    )


def _share(host: Host, most: tuple[int, int]) -> float:
    """Return how much a host has left, compared with the one that has most."""
    free = zip((host.vcpus, host.ram_mib), most, strict=True)
    return min(1.0 if amount is None or not top else amount / top for amount, top in free)
