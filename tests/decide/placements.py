"""Small placement problems by seed, and what trying every placement says of them."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from muster.model.placing import (
    Conflict,
    Host,
    Item,
    Kind,
    Problem,
    Relation,
    Rule,
    Scope,
    Want,
    with_own,
)


def a_problem(seed: int, *, hosts: int = 5, items: int = 6) -> Problem:
    """Return a problem of up to so many hosts and items, solvable about as often as not."""
    dice = random.Random(seed)
    names = [f"h{n}" for n in range(1, dice.randint(1, hosts) + 1)]
    zones = ["a", "b", "c"][: dice.randint(1, 3)]
    roomy = dice.choice((2, 4, 6, 10))
    made = tuple(_a_host(dice, name, dice.choice(zones), roomy) for name in names)
    wanted = tuple(_an_item(dice, n, names, zones) for n in range(1, dice.randint(1, items) + 1))
    if dice.random() < 0.7:
        made = with_own(made, wanted)
    rules = tuple(_a_rule(dice, n, wanted) for n in range(dice.randint(0, 5)))
    return Problem(hosts=made, items=wanted, rules=rules)


def _a_host(dice: random.Random, name: str, zone: str, roomy: int) -> Host:
    pools = ("", "fast") if dice.random() < 0.7 else ("",)
    return Host(
        id=name,
        zone=zone,
        vcpus=None if dice.random() < 0.1 else dice.randint(0, roomy),
        ram_mib=1024 * dice.randint(0, roomy),
        disk_gib={pool: None if dice.random() < 0.1 else dice.randint(5, 40) for pool in pools},
        labels={"disk": "ssd"} if dice.random() < 0.5 else {},
        open=dice.random() > 0.1,
    )


def _an_item(dice: random.Random, number: int, hosts: list[str], zones: list[str]) -> Item:
    runs = dice.random() < 0.3
    at = dice.choice([*hosts, "gone"]) if runs else ""
    common = {
        "id": f"i{number}",
        "host": at,
        "fixed": runs and dice.random() < 0.3,
        "zone": dice.choice(zones) if dice.random() < 0.15 else "",
        "labels": {"disk": "ssd"} if dice.random() < 0.1 else {},
    }
    if dice.random() < 0.3:
        pool = dice.choice(("", "fast"))
        return Item(kind=Kind.VOLUME, disk_gib={pool: dice.choice((5, 10, 20))}, **common)
    return Item(vcpus=dice.randint(0, 3), ram_mib=1024 * dice.randint(1, 3), **common)


def _a_rule(dice: random.Random, number: int, items: tuple[Item, ...]) -> Rule:
    size = min(len(items), dice.choice((1, 2, 2, 2, 3, 3, 4)))
    members = tuple(item.id for item in dice.sample(items, size))
    scope = dice.choice((Scope.HOST, Scope.HOST, Scope.ZONE))
    apart = dice.random() < 0.6
    return Rule(
        name=f"g{number // 2}",
        relation=Relation.APART if apart else Relation.TOGETHER,
        members=members,
        scope=scope,
        most=dice.choice((1, 1, 2)),
        soft=dice.random() < 0.3,
        weight=dice.choice((1, 1, 3)),
    )


def placements(problem: Problem) -> Iterator[dict[str, str]]:
    """Yield every placement by all hard rules."""
    yield from _placements(problem, list(problem.items), {})


def _placements(
    problem: Problem, left: list[Item], places: dict[str, str]
) -> Iterator[dict[str, str]]:
    if not left:
        if all(cost_of(rule, problem, places) == 0 for rule in problem.rules if not rule.soft):
            yield dict(places)
        return
    item, *rest = left
    for host in problem.hosts:
        places[item.id] = host.id
        if allowed(item, host) and has_room(problem, host, places):
            yield from _placements(problem, rest, places)
        del places[item.id]


def allowed(item: Item, host: Host) -> bool:
    if item.fixed and item.host != host.id:
        return False
    if item.zone and item.zone != host.zone:
        return False
    if not host.open and item.host != host.id:
        return False
    return all(host.labels.get(key) == value for key, value in item.labels.items())


def has_room(problem: Problem, host: Host, places: Mapping[str, str]) -> bool:
    here = [item for item in problem.items if places.get(item.id) == host.id]
    if host.vcpus is not None and sum(item.vcpus for item in here) > host.vcpus:
        return False
    if host.ram_mib is not None and sum(item.ram_mib for item in here) > host.ram_mib:
        return False
    needs: Counter[str] = Counter()
    for item in here:
        needs.update({pool: size for pool, size in item.disk_gib.items() if size})
    return all(
        pool in host.disk_gib and (host.disk_gib[pool] is None or size <= host.disk_gib[pool])
        for pool, size in needs.items()
    )


def cost_of(rule: Rule, problem: Problem, places: Mapping[str, str]) -> int:
    zones = {host.id: host.zone for host in problem.hosts}
    at = Counter(
        places[m] if rule.scope is Scope.HOST else zones[places[m]] for m in set(rule.members)
    )
    if rule.relation is Relation.TOGETHER:
        return rule.weight * max(len(at) - 1, 0)
    return rule.weight * sum(max(count - rule.most, 0) for count in at.values())


def cost(problem: Problem, places: Mapping[str, str]) -> tuple[int, int]:
    """Return how many move, and what the soft rules broken weigh."""
    there = {host.id for host in problem.hosts}
    moves = sum(1 for i in problem.items if i.host in there and places[i.id] != i.host)
    soft = sum(cost_of(rule, problem, places) for rule in problem.rules if rule.soft)
    return moves, soft


def is_placement(problem: Problem, places: Mapping[str, str]) -> bool:
    hosts = {host.id: host for host in problem.hosts}
    return (
        set(places) == {item.id for item in problem.items}
        and all(allowed(item, hosts[places[item.id]]) for item in problem.items)
        and all(has_room(problem, host, places) for host in problem.hosts)
        and all(cost_of(rule, problem, places) == 0 for rule in problem.rules if not rule.soft)
    )


def possible(problem: Problem) -> bool:
    return next(placements(problem), None) is not None


def about(problem: Problem, conflict: Conflict) -> Problem:
    """Return what a conflict says is impossible, and nothing else of the problem."""
    wants, resources = frozenset(conflict.wants), frozenset(conflict.resources)
    items = tuple(
        replace(
            item,
            fixed=item.fixed and (item.id, Want.STAY) in wants,
            zone=item.zone if (item.id, Want.ZONE) in wants else "",
            labels=item.labels if (item.id, Want.LABELS) in wants else {},
            vcpus=item.vcpus if "vcpus" in resources else 0,
            ram_mib=item.ram_mib if "ram_mib" in resources else 0,
            disk_gib={p: n for p, n in item.disk_gib.items() if f"disk_gib:{p}" in resources},
        )
        for item in problem.items
        if item.id in conflict.items
    )
    rules = tuple(
        replace(rule, members=tuple(m for m in rule.members if m in conflict.items))
        for number, rule in enumerate(problem.rules)
        if number in conflict.rules
    )
    return Problem(hosts=problem.hosts, items=items, rules=rules)


def lesser(conflict: Conflict) -> Iterator[Conflict]:
    """Yield the conflict without one of what it is about, for each."""
    for item in conflict.items:
        yield replace(
            conflict,
            items=tuple(i for i in conflict.items if i != item),
            wants=tuple(w for w in conflict.wants if w[0] != item),
        )
    for rule in conflict.rules:
        yield replace(conflict, rules=tuple(n for n in conflict.rules if n != rule))
    for want in conflict.wants:
        yield replace(conflict, wants=tuple(w for w in conflict.wants if w != want))
    for resource in conflict.resources:
        yield replace(conflict, resources=tuple(r for r in conflict.resources if r != resource))
