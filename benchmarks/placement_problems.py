"""Placement problems with a planted solution, the same ones for the same seed."""

import random
from dataclasses import dataclass, field

from muster.model.placing import Host, Item, Kind, Problem, Relation, Rule, Scope

FLAVORS = ((1, 2048), (1, 4096), (2, 4096), (2, 8192), (4, 8192), (4, 16384), (8, 16384))
SHAPES = ((16, 65536, 500), (32, 131072, 1000), (64, 262144, 2000))
POOL = "local"


@dataclass
class Planting:
    """Hosts that fill with items; each ends with room for what was planted and a little more."""

    dice: random.Random
    hosts: int
    zones: int
    items: list[Item] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    load: list[list[int]] = field(default_factory=list)  # vcpus, RAM, disk of each host
    most: int = 0

    def __post_init__(self) -> None:
        self.load = [[0, 0, 0] for _ in range(self.hosts)]

    def zone(self, host: int) -> int:
        return host % self.zones

    def item(self, name: str, host: int, volume: bool) -> str:
        if volume:
            made = Item(
                id=name, kind=Kind.VOLUME, disk_gib={POOL: self.dice.choice((5, 10, 20, 40, 80))}
            )
        else:
            vcpus, ram = self.dice.choice(FLAVORS)
            made = Item(
                id=name, vcpus=vcpus, ram_mib=ram, disk_gib={POOL: self.dice.choice((0, 10, 20))}
            )
        self.items.append(made)
        load = self.load[host]
        load[0] += made.vcpus
        load[1] += made.ram_mib
        load[2] += made.disk_gib.get(POOL, 0)
        return name

    def free_host(self, among: list[int]) -> int:
        """One of a few hosts that has least so far: loads become uneven, but not wildly."""
        return min(self.dice.sample(among, min(3, len(among))), key=lambda h: self.load[h][0])

    def group(self, number: int, size: int) -> None:
        dice, names = self.dice, []
        here = list(range(self.hosts))
        shape = dice.random()
        if shape < 0.35:  # servers apart, each with its volume
            hosts = dice.sample(here, max(size // 2, 1))
            for n, host in enumerate(hosts):
                a = self.item(f"g{number:03}-s{n}", host, volume=False)
                b = self.item(f"g{number:03}-v{n}", host, volume=True)
                self.rules.append(rule(f"g{number}-{n}", Relation.TOGETHER, (a, b)))
                names.append(a)
            self.rules.append(rule(f"g{number}", Relation.APART, tuple(names)))
        elif shape < 0.6:  # servers in one zone, two on a host at most
            zone = dice.randrange(self.zones)
            mine = [h for h in here if self.zone(h) == zone]
            hosts = dice.sample(mine, size)
            names = [self.item(f"g{number:03}-s{n}", h, volume=False) for n, h in enumerate(hosts)]
            self.rules.append(rule(f"g{number}", Relation.TOGETHER, tuple(names), Scope.ZONE))
            self.rules.append(
                Rule(name=f"g{number}", relation=Relation.APART, members=tuple(names), most=2)
            )
        elif shape < 0.85:  # servers apart
            hosts = dice.sample(here, size)
            names = [self.item(f"g{number:03}-s{n}", h, volume=False) for n, h in enumerate(hosts)]
            self.rules.append(rule(f"g{number}", Relation.APART, tuple(names)))
        else:  # whatever, wherever
            for n in range(size):
                self.item(f"g{number:03}-s{n}", self.free_host(here), volume=dice.random() < 0.3)

    def problem(self, full: float) -> Problem:
        """Hosts of usual shapes, of which others have so much that `full` is in use with ours."""
        hosts = []
        for number, load in enumerate(self.load):
            shape = self.dice.choice(SHAPES)
            slack = [size * self.dice.uniform(0, 2 * (1 - full)) for size in shape]
            free = [used + int(left) for used, left in zip(load, slack, strict=True)]
            hosts.append(
                Host(
                    id=f"h{number:05}",
                    zone=f"z{self.zone(number)}",
                    vcpus=free[0],
                    ram_mib=free[1],
                    disk_gib={POOL: free[2]},
                )
            )
        return Problem(hosts=tuple(hosts), items=tuple(self.items), rules=tuple(self.rules))


def rule(
    name: str, relation: Relation, members: tuple[str, ...], scope: Scope = Scope.HOST
) -> Rule:
    return Rule(name=name, relation=relation, members=members, scope=scope)


def planted(seed: int, hosts: int, items: int, groups: int, full: float, zones: int = 4) -> Problem:
    """`items` in `groups` on `hosts`, needing `full` of what is free there all together."""
    planting = Planting(random.Random(seed), hosts, min(zones, hosts))
    for number in range(groups):
        left = items - len(planting.items)
        size = max(1, min(left - (groups - number - 1), round(left / (groups - number))))
        planting.group(number, size)
    return planting.problem(full)
