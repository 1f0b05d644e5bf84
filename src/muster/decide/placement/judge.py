"""Whether a placement keeps what a problem asks, read from the problem itself and nothing else."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from muster.decide.placement.board import demand
from muster.model.placing import (
    Broken,
    Host,
    Item,
    Move,
    Problem,
    Relation,
    Rule,
    Scope,
)


def broken_rules(
    rules: Sequence[Rule], hosts: Sequence[Host], places: Mapping[str, str]
) -> tuple[Broken, ...]:
    """Return the rules, hard and soft, that these places do not keep; who has none keeps all."""
    zones = {host.id: host.zone for host in hosts}
    found = (_broken(number, rule, zones, places) for number, rule in enumerate(rules))
    return tuple(each for each in found if each)


def moves_of(problem: Problem, places: Mapping[str, str]) -> tuple[Move, ...]:
    """Return who goes from a host that is there to another."""
    there = {host.id for host in problem.hosts}
    return tuple(
        Move(item=item.id, source=item.host, target=places[item.id])
        for item in sorted(problem.items, key=lambda item: item.id)
        if item.host in there and places.get(item.id, item.host) != item.host
    )


def faults(problem: Problem, places: Mapping[str, str]) -> tuple[str, ...]:
    """Return everything that is wrong with a placement of all items, in words; () for none."""
    hosts = {host.id: host for host in problem.hosts}
    lost = [item.id for item in problem.items if places.get(item.id) not in hosts]
    if lost:
        return tuple(f"{item} has no host" for item in lost)
    wrong = [
        f"{item.id} may not be on {places[item.id]}"
        for item in problem.items
        if not _will_do(item, hosts[places[item.id]])
    ]
    wrong += _overfull(problem, places)
    hard = [
        each.text
        for each in broken_rules(problem.rules, problem.hosts, places)
        if not problem.rules[each.rule].soft
    ]
    return tuple(wrong + hard)


def _broken(
    number: int, rule: Rule, zones: Mapping[str, str], places: Mapping[str, str]
) -> Broken | None:
    where: dict[str, list[str]] = defaultdict(list)
    for member in dict.fromkeys(rule.members):
        if (host := places.get(member)) is not None:
            where[host if rule.scope is Scope.HOST else zones[host]].append(member)
    if rule.relation is Relation.TOGETHER:
        if len(where) <= 1:
            return None
        spread = "; ".join(f"{', '.join(m)} on {at}" for at, m in sorted(where.items()))
        members = tuple(m for each in where.values() for m in each)
        return Broken(rule=number, name=rule.name, members=members, text=f"apart: {spread}")
    full = {at: members for at, members in sorted(where.items()) if len(members) > rule.most}
    if not full:
        return None
    crowd = "; ".join(f"{', '.join(m)} on {at}" for at, m in full.items())
    members = tuple(m for each in full.values() for m in each)
    return Broken(rule=number, name=rule.name, members=members, text=f"together: {crowd}")


def _will_do(item: Item, host: Host) -> bool:
    return (
        (host.open or item.host == host.id)
        and (not item.fixed or item.host == host.id)
        and (not item.zone or item.zone == host.zone)
        and item.labels.items() <= host.labels.items()
    )


def _overfull(problem: Problem, places: Mapping[str, str]) -> list[str]:
    used: dict[tuple[str, str], int] = Counter()
    for item in problem.items:
        for name in ("vcpus", "ram_mib", *(f"disk_gib:{pool}" for pool in item.disk_gib)):
            used[places[item.id], name] += demand(item, name)
    room: dict[tuple[str, str], int | None] = {}
    for host in problem.hosts:
        room[host.id, "vcpus"] = host.vcpus
        room[host.id, "ram_mib"] = host.ram_mib
        room |= {(host.id, f"disk_gib:{pool}"): size for pool, size in host.disk_gib.items()}
    return [
        f"{host} has {room.get((host, name), 0)} of {name}, {amount} are to be there"
        for (host, name), amount in sorted(used.items())
        if amount and (free := room.get((host, name), 0)) is not None and amount > free
    ]
