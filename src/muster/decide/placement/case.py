"""Parts of a problem that can be left away one by one, to find out which of them clash."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from muster.decide.placement.board import demand
from muster.model.placing import Item, Problem, Rule, Want


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """An item, a hard rule by its number, one want of an item, or a resource."""

    sort: str  # "item", "rule", "want", "resource"
    name: str = ""
    number: int = -1


Case = tuple[Element, ...]


def elements(problem: Problem) -> Case:
    """Return everything that could be left away, what is to go first at the front."""
    items = sorted(problem.items, key=lambda item: item.id)
    resources = sorted(
        {"vcpus", "ram_mib"} | {f"disk_gib:{p}" for item in items for p in item.disk_gib}
    )
    return (
        *(Element("item", item.id) for item in items),
        *(Element("rule", number=n) for n, rule in enumerate(problem.rules) if not rule.soft),
        *(Element("resource", r) for r in resources if any(demand(item, r) for item in items)),
        *(Element("want", f"{want}:{item.id}") for item in items for want in wants_of(item)),
    )


def wants_of(item: Item) -> Iterable[Want]:
    if item.fixed:
        yield Want.STAY
    if item.zone:
        yield Want.ZONE
    if item.labels:
        yield Want.LABELS


def part(problem: Problem, case: Iterable[Element]) -> Problem:
    """Return what is left of the problem when all else is left away, soft rules too."""
    kept = frozenset(case)
    closed = {host.id for host in problem.hosts if not host.open}
    items = tuple(
        _reduced(item, kept, stays=item.host in closed)
        for item in problem.items
        if Element("item", item.id) in kept
    )
    there = frozenset(item.id for item in items)
    rules = (
        _among(rule, there)
        for n, rule in enumerate(problem.rules)
        if Element("rule", number=n) in kept
    )
    return Problem(
        hosts=problem.hosts, items=items, rules=tuple(rule for rule in rules if rule.members)
    )


def _reduced(item: Item, kept: frozenset[Element], *, stays: bool) -> Item:
    """Return an item without the wants and needs that are left away.

    Where it is now matters no more, unless it has to stay, or may although its host is closed.
    """

    def wanted(want: Want) -> bool:
        return Element("want", f"{want}:{item.id}") in kept

    fixed = item.fixed and wanted(Want.STAY)
    return replace(
        item,
        fixed=fixed,
        host=item.host if fixed or stays else "",
        zone=item.zone if wanted(Want.ZONE) else "",
        labels=item.labels if wanted(Want.LABELS) else {},
        vcpus=item.vcpus if Element("resource", "vcpus") in kept else 0,
        ram_mib=item.ram_mib if Element("resource", "ram_mib") in kept else 0,
        disk_gib={
            pool: size
            for pool, size in item.disk_gib.items()
            if Element("resource", f"disk_gib:{pool}") in kept
        },
    )


def _among(rule: Rule, there: frozenset[str]) -> Rule:
    return replace(rule, members=tuple(m for m in rule.members if m in there))


def about(case: Case, items: Iterable[str]) -> Case:
    """Return the elements of a case without other items and their wants."""
    names = frozenset(items)
    return tuple(
        e
        for e in case
        if e.sort in ("rule", "resource")
        or (e.name if e.sort == "item" else e.name.split(":", 1)[1]) in names
    )


def of_rules(case: Case, items: Iterable[str], rules: Sequence[int]) -> Case:
    """Return the elements of a case that are these items and rules, and nothing else."""
    names, numbers = frozenset(items), frozenset(rules)
    return tuple(
        e
        for e in case
        if (e.sort == "item" and e.name in names) or (e.sort == "rule" and e.number in numbers)
    )
