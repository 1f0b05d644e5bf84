"""A problem made ready to be searched: items that share a host as blocks, names as numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from muster.model.placing import Host, Item, Problem, Relation, Rule, Scope

PLENTY = 1 << 40  # stands for as much as one likes
Need = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Items that share a host by hard rules, searched for as one."""

    items: tuple[int, ...]
    need: Need  # of each resource
    may: tuple[int, ...]  # hosts that would do, were they its alone
    homes: Mapping[int, int]  # host -> how many of its items are there

    def moves(self, host: int) -> int:
        """Return how many of its items would have to move to this host."""
        return sum(count for home, count in self.homes.items() if home != host)


@dataclass(frozen=True, slots=True)
class Bond:
    """A rule over blocks: how many of its members each has."""

    number: int  # of the rule in the problem
    relation: Relation
    scope: Scope
    most: int
    weight: int
    counts: Mapping[int, int]  # block -> members


@dataclass(frozen=True)
class Board:
    """All numbers are positions: hosts and items are in the order of their ids."""

    hosts: tuple[Host, ...]
    items: tuple[Item, ...]
    resources: tuple[str, ...]
    room: tuple[tuple[int, ...], ...]  # of each resource, on each host
    zone: tuple[int, ...]  # of each host
    blocks: tuple[Block, ...]
    herds: tuple[tuple[int, ...], ...]  # blocks that share a zone
    aparts: tuple[Bond, ...]
    softs: tuple[Bond, ...]

    @cached_property
    def herd_of(self) -> Mapping[int, int]:
        return {block: number for number, herd in enumerate(self.herds) for block in herd}

    @cached_property
    def aparts_of(self) -> tuple[tuple[int, ...], ...]:
        """Return for each block the numbers of the hard rules that keep it apart from others."""
        return _bonds_of(self.aparts, len(self.blocks))

    @cached_property
    def softs_of(self) -> tuple[tuple[int, ...], ...]:
        return _bonds_of(self.softs, len(self.blocks))

    @cached_property
    def zones(self) -> int:
        return max(self.zone, default=-1) + 1

    @cached_property
    def move_worth(self) -> int:
        """Return what one move costs: more than all soft rules broken together."""
        return 1 + sum(bond.weight * sum(bond.counts.values()) for bond in self.softs)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Return for each host the number of its shape: hosts of one shape are alike."""
        numbers: dict[object, int] = {}
        touched = {home for block in self.blocks for home in block.homes}
        return tuple(
            numbers.setdefault(
                (
                    self.zone[h],
                    tuple(sorted(host.labels.items())),
                    host.open,
                    host.reserve,
                    tuple(row[h] for row in self.room),
                    h if h in touched else -1,
                ),
                len(numbers),
            )
            for h, host in enumerate(self.hosts)
        )

    def named(self, seats: Mapping[int, int]) -> dict[str, str]:
        """Return item -> host by their ids, for blocks that have a host."""
        return {
            self.items[item].id: self.hosts[host].id
            for block, host in sorted(seats.items())
            for item in self.blocks[block].items
        }


def compiled(problem: Problem) -> Board:
    """Return the board of a problem. Whoever has no host at all is a block without one."""
    hosts = tuple(sorted(problem.hosts, key=lambda host: host.id))
    items = tuple(sorted(problem.items, key=lambda item: item.id))
    resources = _resources(items)
    room = tuple(tuple(_room(host, name) for host in hosts) for name in resources)
    position = {item.id: number for number, item in enumerate(items)}
    hard = [rule for rule in problem.rules if not rule.soft]
    groups = joined(
        len(items), ([position[m] for m in rule.members] for rule in hard if _ties(rule))
    )
    block_of = {item: number for number, group in enumerate(groups) for item in group}
    fits = _Fits(hosts, room)
    blocks = tuple(_block(group, items, resources, fits) for group in groups)
    bonds = [_bond(n, rule, position, block_of) for n, rule in enumerate(problem.rules)]
    herds = joined(len(blocks), (list(bonds[n].counts) for n in _herding(problem.rules)))
    zones = {name: n for n, name in enumerate(sorted({host.zone for host in hosts}))}
    return Board(
        hosts=hosts,
        items=items,
        resources=resources,
        room=room,
        zone=tuple(zones[host.zone] for host in hosts),
        blocks=blocks,
        herds=tuple(tuple(herd) for herd in herds if len(herd) > 1),
        aparts=tuple(bonds[n] for n, rule in enumerate(problem.rules) if _parts(rule)),
        softs=tuple(bonds[n] for n, rule in enumerate(problem.rules) if rule.soft),
    )


def joined(count: int, ties: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return `count` numbers in groups: those that ties connect are in one."""
    leader = list(range(count))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for tie in ties:
        for other in tie[1:]:
            one, two = sorted((find(tie[0]), find(other)))
            leader[two] = one
    groups: dict[int, list[int]] = {}
    for number in range(count):
        groups.setdefault(find(number), []).append(number)
    return list(groups.values())


def demand(item: Item, resource: str) -> int:
    """Return how much of a resource an item needs, by the name that boards use."""
    if resource.startswith("disk_gib:"):
        return item.disk_gib.get(resource.removeprefix("disk_gib:"), 0)
    return item.vcpus if resource == "vcpus" else item.ram_mib


def _room(host: Host, resource: str) -> int:
    room: int | None
    if resource.startswith("disk_gib:"):
        room = host.disk_gib.get(resource.removeprefix("disk_gib:"), 0)
    else:
        room = host.vcpus if resource == "vcpus" else host.ram_mib
    return PLENTY if room is None else max(room, 0)


def _resources(items: Sequence[Item]) -> tuple[str, ...]:
    pools = {pool for item in items for pool in item.disk_gib}
    names = ("vcpus", "ram_mib", *(f"disk_gib:{pool}" for pool in sorted(pools)))
    return tuple(name for name in names if any(demand(item, name) for item in items))


def _ties(rule: Rule) -> bool:
    return rule.relation is Relation.TOGETHER and rule.scope is Scope.HOST


def _herding(rules: Sequence[Rule]) -> list[int]:
    return [
        n
        for n, rule in enumerate(rules)
        if rule.relation is Relation.TOGETHER and rule.scope is Scope.ZONE and not rule.soft
    ]


def _parts(rule: Rule) -> bool:
    return rule.relation is Relation.APART and not rule.soft


def _bond(
    number: int, rule: Rule, position: Mapping[str, int], block_of: Mapping[int, int]
) -> Bond:
    counts = Counter(block_of[position[member]] for member in sorted(set(rule.members)))
    return Bond(number, rule.relation, rule.scope, rule.most, rule.weight, dict(counts))


def _bonds_of(bonds: Sequence[Bond], blocks: int) -> tuple[tuple[int, ...], ...]:
    mine: list[list[int]] = [[] for _ in range(blocks)]
    for number, bond in enumerate(bonds):
        for block in bond.counts:
            mine[block].append(number)
    return tuple(tuple(each) for each in mine)


def _block(
    group: Sequence[int], items: Sequence[Item], resources: Sequence[str], fits: "_Fits"
) -> Block:
    members = [items[number] for number in group]
    need = tuple(sum(demand(item, name) for item in members) for name in resources)
    homes = Counter(fits.at[item.host] for item in members if item.host in fits.at)
    return Block(tuple(group), need, fits.hosts_for(need, members), dict(homes))


class _Fits:
    """Which hosts would do, found out once for all who ask for the same."""

    def __init__(self, hosts: Sequence[Host], room: Sequence[Sequence[int]]) -> None:
        self.hosts = hosts
        self.at = {host.id: number for number, host in enumerate(hosts)}
        self._room = room
        self._closed = not all(host.open for host in hosts)
        self._roomy: dict[Need, tuple[int, ...]] = {}
        self._found: dict[object, tuple[int, ...]] = {}

    def hosts_for(self, need: Need, members: Sequence[Item]) -> tuple[int, ...]:
        wants = [_wants(item) for item in members]
        if not self._closed and not any(want.asks for want in wants):
            return self._roomy_for(need)
        homes = self._closed_home(members)
        key = (need, tuple(sorted({want.key for want in wants})), homes)
        if key not in self._found:
            roomy = self._roomy_for(need)
            self._found[key] = tuple(
                h
                for h in roomy
                if all(want.holds(self.hosts[h]) for want in wants)
                and (self.hosts[h].open or self.hosts[h].id == homes)
            )
        return self._found[key]

    def _closed_home(self, members: Sequence[Item]) -> str:
        """Return the closed host that all of them are on, and so may be on, or ""."""
        here = {item.host for item in members}
        home = here.pop() if len(here) == 1 else ""
        number = self.at.get(home)
        return home if number is not None and not self.hosts[number].open else ""

    def _roomy_for(self, need: Need) -> tuple[int, ...]:
        if need not in self._roomy:
            found: Iterable[int] = range(len(self.hosts))
            for amount, row in zip(need, self._room, strict=True):
                if amount:
                    found = [h for h in found if row[h] >= amount]
            self._roomy[need] = tuple(found)
        return self._roomy[need]


@dataclass(frozen=True, slots=True)
class _Want:
    key: tuple[object, ...]
    asks: bool  # anything at all
    holds: Callable[[Host], bool]


def _wants(item: Item) -> _Want:
    stay = item.host if item.fixed else ""

    def holds(host: Host) -> bool:
        return (
            (not stay or host.id == stay)
            and (not item.zone or host.zone == item.zone)
            and item.labels.items() <= host.labels.items()
        )

    asks = bool(stay or item.zone or item.labels)
    return _Want((stay, item.zone, tuple(sorted(item.labels.items()))), asks, holds)
