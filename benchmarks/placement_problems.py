"""Placement problems with a planted solution, the same ones for the same seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from muster.model.placing import Host, Item, Kind, Problem, Relation, Rule, Scope

FLAVORS = ((1, 2048), (1, 4096), (2, 4096), (2, 8192), (4, 8192), (4, 16384), (6, 16384))
SHAPES = ((16, 65536, 500), (32, 131072, 1000), (64, 262144, 2000))
ALIKE = (6, 24576, 100)  # free on each host where all are alike
POOL = "local"
TRIES = 50


@dataclass
class Planting:
    """Hosts that fill with items in groups, at random; no host beyond `most`."""

    dice: random.Random
    hosts: int
    zones: int
    most: Sequence[float] | None = None
    items: list[Item] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    load: list[list[int]] = field(default_factory=list)  # vCPUs, memory, disk of each host

    def __post_init__(self) -> None:
        self.load = [[0, 0, 0] for _ in range(self.hosts)]

    def zone(self, host: int) -> int:
        return host % self.zones

    def server(self, name: str) -> Item:
        vcpus, ram = self.dice.choice(FLAVORS)
        disk = self.dice.choice((0, 10, 20))
        return Item(id=name, vcpus=vcpus, ram_mib=ram, disk_gib={POOL: disk})

    def volume(self, name: str) -> Item:
        size = self.dice.choice((5, 10, 20, 40, 80))
        return Item(id=name, kind=Kind.VOLUME, disk_gib={POOL: size})

    def put(self, host: int, *items: Item) -> None:
        for item in items:
            self.items.append(item)
            for r, need in enumerate(_need(item)):
                self.load[host][r] += need

    def host_for(self, hosts: Sequence[int], *items: Item) -> int:
        """A host that takes them, at random where there is a choice."""
        need = [sum(each) for each in zip(*map(_need, items), strict=True)]
        tried = (self.dice.choice(hosts) for _ in range(TRIES))
        return next(host for host in chain(tried, hosts) if self.takes(host, need))

    def takes(self, host: int, need: Sequence[int]) -> bool:
        if self.most is None:
            return True
        each = zip(self.load[host], need, self.most, strict=True)
        return all(load + more <= most for load, more, most in each)

    def group(self, number: int, size: int) -> None:
        name = f"g{number:04}"
        kind = self.dice.random()
        if kind < 0.35:
            self.apart_with_volumes(name, max(size // 2, 1), odd=bool(size % 2))
        elif kind < 0.6:
            self.in_one_zone(name, size)
        elif kind < 0.85:
            self.apart(name, [self.server(f"{name}-s{n}") for n in range(size)], range(self.hosts))
        else:
            for n in range(size):
                made = self.volume if self.dice.random() < 0.3 else self.server
                item = made(f"{name}-i{n}")
                self.put(self.host_for(range(self.hosts), item), item)

    def apart_with_volumes(self, name: str, pairs: int, *, odd: bool) -> None:
        left = list(range(self.hosts))
        for n in range(pairs):
            server, volume = self.server(f"{name}-s{n}"), self.volume(f"{name}-v{n}")
            host = self.host_for(left, server, volume)
            left.remove(host)
            self.put(host, server, volume)
            self.rules.append(_rule(f"{name}-{n}", Relation.TOGETHER, (server.id, volume.id)))
        members = tuple(f"{name}-s{n}" for n in range(pairs))
        self.rules.append(_rule(name, Relation.APART, members))
        if odd:
            extra = self.volume(f"{name}-w")
            self.put(self.host_for(range(self.hosts), extra), extra)

    def in_one_zone(self, name: str, size: int) -> None:
        zone = self.dice.randrange(self.zones)
        mine = [host for host in range(self.hosts) if self.zone(host) == zone]
        items = [self.server(f"{name}-s{n}") for n in range(size)]
        self.apart(name, items, mine)
        members = tuple(item.id for item in items)
        self.rules.append(_rule(name, Relation.TOGETHER, members, Scope.ZONE))

    def apart(self, name: str, items: Sequence[Item], hosts: Sequence[int]) -> None:
        left = list(hosts)
        for item in items:
            host = self.host_for(left, item)
            left.remove(host)
            self.put(host, item)
        self.rules.append(_rule(name, Relation.APART, tuple(item.id for item in items)))

    def problem(self, free: Sequence[Sequence[int]]) -> Problem:
        hosts = tuple(
            Host(
                id=f"h{number:05}",
                zone=f"z{self.zone(number)}",
                vcpus=vcpus,
                ram_mib=ram,
                disk_gib={POOL: disk},
            )
            for number, (vcpus, ram, disk) in enumerate(free)
        )
        return Problem(hosts=hosts, items=tuple(self.items), rules=tuple(self.rules))


def planted(seed: int, hosts: int, items: int, groups: int, full: float) -> Problem:
    """A data centre of hosts of usual sizes, `full` once all is placed, most of that others' use.

    What is left over is strewn over the hosts at random: on some there is twice as much as on
    average, on some nothing.
    """
    planting = _planted(Planting(random.Random(seed), hosts, min(4, hosts)), items, groups)
    free = []
    for load in planting.load:
        shape = planting.dice.choice(SHAPES)
        spare = [size * planting.dice.uniform(0, 2 * (1 - full)) for size in shape]
        free.append([used + int(left) for used, left in zip(load, spare, strict=True)])
    return planting.problem(free)


def jigsaw(seed: int, hosts: int, items: int, groups: int, full: float) -> Problem:
    """The same, but `full` of what is free is asked for: every resource is short everywhere."""
    planting = _planted(Planting(random.Random(seed), hosts, min(4, hosts)), items, groups)
    free = [list(load) for load in planting.load]
    for r in range(3):
        spare = sum(load[r] for load in planting.load) * (1 / full - 1)
        shares = [planting.dice.expovariate(1) for _ in free]
        for each, share in zip(free, shares, strict=True):
            each[r] += int(spare * share / sum(shares))
    return planting.problem(free)


def alike(seed: int, hosts: int, full: float) -> Problem:
    """Hosts that are all alike, with as many groups of five as ask for `full` of their vCPUs."""
    planting = Planting(random.Random(seed), hosts, 4, most=ALIKE)
    number = used = 0
    while used < full * hosts * ALIKE[0]:
        before = len(planting.items)
        planting.group(number, 5)
        used += sum(item.vcpus for item in planting.items[before:])
        number += 1
    return planting.problem([ALIKE] * hosts)


def _planted(planting: Planting, items: int, groups: int) -> Planting:
    for number in range(groups):
        left = items - len(planting.items)
        planting.group(number, max(1, round(left / (groups - number))))
    return planting


def _need(item: Item) -> tuple[int, int, int]:
    return item.vcpus, item.ram_mib, item.disk_gib.get(POOL, 0)


def _rule(
    name: str, relation: Relation, members: tuple[str, ...], scope: Scope = Scope.HOST
) -> Rule:
    return Rule(name=name, relation=relation, members=members, scope=scope)
