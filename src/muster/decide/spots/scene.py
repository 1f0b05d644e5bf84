"""How well a fleet stands: what each host and zone has of each crowd, and what that is worth."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from muster.decide.spots.wants import APART, SOFT
from muster.model.placement import Group
from muster.model.placing import Host, Item, Relation, Rule, Scope
from muster.model.rebalancing import Crowd, Fleet, Standing

LOAD = 100.0  # points, for a host that is full compared with one that is empty
SPREAD = 100.0  # points, for a whole crowd on one host compared with one on each
BROKEN = 1000.0  # points, for everybody who stands against a rule
MOVE = 5.0  # points that any move costs
AWAY = 50.0  # points that a crowd costs while it is away; a node, its part of that


# Note [What a move is worth]
# Points say how bad it is as it is: a crowd is lost with its host, so the squares of what each
# host and zone has of it count, as part of its size; a full host has nothing left for what
# comes, so the square of its load counts. A move costs something by itself, and more the more of
# its crowd is away meanwhile. Only what gains more than it costs is proposed, and points
# depend on nothing but who stands where: so what was moved is worth less where it was, and
# no later look wants it back.
@dataclass(slots=True)
class Scene:
    """A fleet in which nodes can be moved in thought. See Note [What a move is worth]."""

    hosts: Mapping[str, Host]
    crowds: Mapping[UUID, Crowd]
    size: Counter[UUID]
    quota: Mapping[UUID, Mapping[str, float]]  # of each crowd, by zone
    away: frozenset[str] = frozenset()
    by_host: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    by_zone: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    grouped: Counter[tuple[UUID, str]] = field(default_factory=Counter)  # group and host
    used: Counter[tuple[str, str]] = field(default_factory=Counter)  # host and resource
    at: dict[str, str] = field(default_factory=dict)  # who has rules of his own -> host
    looks: int = 0  # at hosts for nodes, so far

    def put(self, each: Standing, host: str, by: int) -> None:
        """Count a node in (1) or out (-1)."""
        self.by_host[each.crowd, host] += by
        self.by_zone[each.crowd, self.hosts[host].zone] += by
        if group := self.crowds[each.crowd].group:
            self.grouped[group.id, host] += by
        if self.crowds[each.crowd].rules:
            self.at[str(each.id)] = host if by > 0 else ""
        for name, need in needs(each.item):
            self.used[host, name] += by * need

    def may(self, each: Standing, host: Host) -> bool:
        """Return whether a node may come to a host, by its rules and by what is left there."""
        group = self.crowds[each.crowd].group
        if not host.open or host.id in self.away or not self.allows(each, host.zone):
            return False
        if group and group.affinity in APART - SOFT and self.grouped[group.id, host.id]:
            return False
        if not self.keeps(each, host):
            return False
        return all(
            (total := room(host, name)) is None or self.used[host.id, name] + need <= total
            for name, need in needs(each.item)
        )

    def keeps(self, each: Standing, host: Host) -> bool:
        """Return whether no rule of its virtual cluster that is kept now is broken there."""
        id, here = str(each.id), self.at.get(str(each.id), "")
        mine = (rule for rule in self.crowds[each.crowd].rules if id in rule.members)
        return all(
            self._kept(rule, id, host.id) or bool(here and not self._kept(rule, id, here))
            for rule in mine
        )

    def _kept(self, rule: Rule, id: str, host: str) -> bool:
        others = [self.at.get(each, "") for each in rule.members if each != id]
        there = [each for each in others if each]
        if rule.scope is Scope.ZONE:
            host, there = self.hosts[host].zone, [self.hosts[each].zone for each in there]
        alike = sum(each == host for each in there)
        return alike < rule.most if rule.relation is Relation.APART else alike == len(there)

    def astray(self, each: Standing) -> bool:
        """Return whether a node is in a zone not its own, or on a host that is to be left."""
        leaves = each.host in self.away and not each.stays
        return leaves or not self.allows(each, self.hosts[each.host].zone)

    def allows(self, each: Standing, zone: str) -> bool:
        weights = self.crowds[each.crowd].weights
        return (not each.zones or zone in each.zones) and (not weights or weights.get(zone, 0) > 0)

    def gain(self, each: Standing, source: str, target: str) -> float:
        """Return how many points better it is after a move."""
        left = BROKEN if source in self.away else 0.0
        return left + self._spread(each, source, target) + self._loads(each, source, target)

    def most_gain(self, each: Standing, source: str) -> float:
        """Return more than can be gained by any move of a node, quickly."""
        id, quota = each.crowd, self.quota.get(each.crowd, {})
        if _sign(self.crowds[id]) < 0 or source in self.away:
            return float("inf")
        here, zone = self.by_host[id, source], self.hosts[source].zone
        lacks = max((part - self.by_zone[id, name] for name, part in quota.items()), default=0.0)
        too_many = self.by_zone[id, zone] - quota.get(zone, 0.0)
        better = here - 1 + max(too_many + lacks - 1, 0.0)
        eased = self._load(source) ** 2 - self._load(source, dict(needs(each.item)), -1) ** 2
        return 2 * SPREAD / self.size[id] * better + LOAD * eased

    def cost(self, each: Standing) -> float:
        """Return how many points a move costs."""
        return MOVE + (AWAY / self.size[each.crowd] if each.serves else 0.0)

    def points(self) -> float:
        """Return how bad it is; what no move can change counts as well."""
        spread = sum(
            SPREAD / self.size[id] * (_sign(self.crowds[id]) * count * (count - 1))
            for (id, _), count in self.by_host.items()
        )
        zones = sum(
            SPREAD / self.size[id] * (self.by_zone[id, zone] - quotas.get(zone, 0.0)) ** 2
            for id, quotas in self.quota.items()
            for zone in ({host.zone for host in self.hosts.values()} if quotas else ())
        )
        return spread + zones + LOAD * sum(self._load(host) ** 2 for host in self.hosts)

    def _spread(self, each: Standing, source: str, target: str) -> float:
        id = each.crowd
        here, there = self.by_host[id, source], self.by_host[id, target]
        better: float = _sign(self.crowds[id]) * (here - there - 1)
        one, other = self.hosts[source].zone, self.hosts[target].zone
        if one != other and (quota := self.quota.get(id)):
            too_many = self.by_zone[id, one] - quota.get(one, 0.0)
            better += too_many - (self.by_zone[id, other] - quota.get(other, 0.0)) - 1
        return 2 * SPREAD / self.size[id] * better

    def _loads(self, each: Standing, source: str, target: str) -> float:
        before = self._load(source) ** 2 + self._load(target) ** 2
        asked = dict(needs(each.item))
        after = self._load(source, asked, -1) ** 2 + self._load(target, asked, 1) ** 2
        return LOAD * (before - after)

    def _load(self, host: str, change: Mapping[str, int] | None = None, sign: int = 0) -> float:
        """Return the part of a host that is in use, of what it has least of."""
        loads = [0.0]
        for name in ("vcpus", "ram_mib"):
            total = room(self.hosts[host], name)
            if total:
                more = sign * change.get(name, 0) if change else 0
                loads.append((self.used[host, name] + more) / total)
        return max(loads)


def scene_of(fleet: Fleet, places: Mapping[UUID, str]) -> Scene:
    """Return the fleet as it would stand with these places."""
    crowds = {each.id: each for each in fleet.crowds}
    size = Counter(each.crowd for each in fleet.standing)
    zones = sorted({host.zone for host in fleet.hosts if host.open and host.id not in fleet.away})
    scene = Scene(
        hosts={host.id: host for host in fleet.hosts},
        crowds=crowds,
        size=size,
        away=fleet.away,
        quota={id: _quota(crowds[id], count, zones) for id, count in size.items()},
    )
    for each in fleet.standing:
        scene.put(each, places[each.id], 1)
    return scene


def needs(item: Item) -> Iterable[tuple[str, int]]:
    """Return what an item needs, by the names that `room` knows."""
    pools = ((f"disk_gib:{pool}", size) for pool, size in item.disk_gib.items())
    every = (("vcpus", item.vcpus), ("ram_mib", item.ram_mib), *pools)
    return [each for each in every if each[1]]


def room(host: Host, name: str) -> int | None:
    """Return how much a host has of something, None for as much as one likes."""
    if name.startswith("disk_gib:"):
        return host.disk_gib.get(name.removeprefix("disk_gib:"), 0)
    return host.vcpus if name == "vcpus" else host.ram_mib


def groups(fleet: Fleet) -> dict[UUID, tuple[Group, list[Standing]]]:
    """Return each group with everybody who is of it, of whichever crowd."""
    of_crowd = {each.id: each.group for each in fleet.crowds}
    members: dict[UUID, list[Standing]] = defaultdict(list)
    known: dict[UUID, Group] = {}
    for each in fleet.standing:
        if group := of_crowd[each.crowd]:
            known[group.id] = group
            members[group.id].append(each)
    return {id: (known[id], members[id]) for id in sorted(known)}


def _quota(crowd: Crowd, count: int, zones: list[str]) -> dict[str, float]:
    """Return how many of a crowd belong into each zone; {} where it is to be together."""
    if crowd.loose or (crowd.group and crowd.group.affinity not in APART):
        return {}
    weights = {zone: crowd.weights.get(zone, 0) if crowd.weights else 1 for zone in zones}
    total = sum(weights.values())
    return {zone: count * weight / total for zone, weight in weights.items()} if total else {}


def _sign(crowd: Crowd) -> int:
    """Return whether company on a host is bad for a crowd (1), good (-1), or neither."""
    group = crowd.group
    if crowd.loose:
        return 0
    return -1 if group and group.affinity not in APART else 1
