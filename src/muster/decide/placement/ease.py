"""Ways to ask for less: what each changes, costs, and is called; and which of them help."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from muster.decide.placement.budget import Budget
from muster.decide.placement.phrases import listed, rule_named
from muster.decide.placement.words import item_told
from muster.model.placing import (
    Change,
    Conflict,
    Ease,
    Host,
    Item,
    Placed,
    Problem,
    Relation,
    Rule,
    Want,
)

COST: Mapping[Ease, int] = {
    Ease.RAISE: 2,
    Ease.LET_MOVE: 3,
    Ease.SOFTEN: 4,
    Ease.ANY_ZONE: 5,
    Ease.ANY_LABELS: 6,
    Ease.ADD_HOST: 8,
    Ease.LEAVE_OUT: 9,
}
OF_WANT: Mapping[Want, Ease] = {
    Want.STAY: Ease.LET_MOVE,
    Want.ZONE: Ease.ANY_ZONE,
    Want.LABELS: Ease.ANY_LABELS,
}
NEW = "~new"  # begins the ids of hosts to be added: they come last
DEARER = 5  # times what the cheapest costs: nothing dearer is worth telling
TRIES = 120  # sets of changes tried at most


@dataclass(frozen=True, slots=True)
class Eased:
    """Changes that make it possible, and what they cost."""

    changes: tuple[Change, ...]
    cost: int


def eased(problem: Problem, changes: Sequence[Change]) -> Problem:
    """Return the problem after these changes."""
    for change, times in sorted(Counter(changes).items(), key=lambda each: _key(each[0])):
        for number in range(times):
            problem = _changed(problem, change, number)
    return problem


def ways(problem: Problem, conflict: Conflict) -> Iterator[Change]:
    """Yield every single change that this conflict does not survive as it is."""
    for number in conflict.rules:
        if problem.rules[number].relation is Relation.APART:
            yield Change(ease=Ease.RAISE, rule=number)
        yield Change(ease=Ease.SOFTEN, rule=number)
    for item, want in conflict.wants:
        yield Change(ease=OF_WANT[want], item=item)
    for zone in sorted({host.zone for host in problem.hosts if not host.id.startswith(NEW)}):
        yield Change(ease=Ease.ADD_HOST, zone=zone)
    for item in _unlike(problem, conflict.items):
        yield Change(ease=Ease.LEAVE_OUT, item=item)


def _unlike(problem: Problem, names: Sequence[str]) -> list[str]:
    """Return the last one by id of each that ask for the same: it is all one which is left out."""
    among: dict[str, list[int]] = {}
    for number, rule in enumerate(problem.rules):
        for member in rule.members:
            among.setdefault(member, []).append(number)
    last: dict[object, str] = {}
    for item in sorted(problem.items, key=lambda item: item.id):
        if item.id in names:
            last[_asked(item), tuple(among.get(item.id, ()))] = item.id
    return sorted(last.values())


def _asked(item: Item) -> tuple[object, ...]:
    more = (tuple(sorted(item.labels.items())), tuple(sorted(item.disk_gib.items())))
    return (item.kind, item.vcpus, item.ram_mib, item.host, item.fixed, item.zone, *more)


class Search:
    """Sets of changes by what they cost, the cheapest first. See Note [Every conflict is met]."""

    # Note [Every conflict is met]
    # What makes a problem possible has to change something about each of its conflicts. So the
    # changes tried are those that the conflict found is about; where one does not suffice, there is
    # another conflict, and the next change is about that one. Taken in order of cost, the first
    # set that suffices is a cheapest there is.
    def __init__(self, problem: Problem, conflict: Conflict) -> None:
        self._problem = problem
        self._heap: list[tuple[int, tuple[tuple[str, ...], ...], tuple[Change, ...]]] = []
        self._known: set[tuple[tuple[str, ...], ...]] = set()
        self._good: list[Counter[Change]] = []
        self._tries = TRIES
        self._dearest = float("inf")
        self.extend((), conflict)

    def extend(self, changes: tuple[Change, ...], conflict: Conflict) -> None:
        """Put up every set that has one change more, about this conflict."""
        for change in ways(eased(self._problem, changes), conflict):
            more = tuple(sorted((*changes, change), key=_key))
            key = tuple(_key(each) for each in more)
            if key not in self._known and _sensible(more):
                self._known.add(key)
                cost = sum(COST[each.ease] for each in more)
                heapq.heappush(self._heap, (cost, key, more))

    def next(self, budget: Budget) -> Eased | None:
        """Return the next set to be tried; None when there is none, or no more time."""
        while self._heap and self._tries > 0 and budget.left > 0:
            cost, _, changes = heapq.heappop(self._heap)
            if cost > self._dearest:
                return None
            if not any(good <= Counter(changes) for good in self._good):
                self._tries -= 1
                return Eased(changes, cost)
        return None

    def suffices(self, changes: tuple[Change, ...]) -> None:
        """Remember that nothing more than these is needed."""
        if not self._good:
            self._dearest = DEARER * sum(COST[each.ease] for each in changes)
        self._good.append(Counter(changes))


def phrase(problem: Problem, changes: Sequence[Change], placed: Placed) -> str:
    """Return what these changes are, in words."""
    items = {item.id: item for item in problem.items}
    said: list[str] = []
    new = 0
    for change, times in sorted(Counter(changes).items(), key=lambda each: _key(each[0])):
        if change.ease is Ease.ADD_HOST:
            for number in range(times):
                said.append(_new_host(items, placed, _new(change, number)))
                new += 1
        else:
            said.append(_said(problem.rules, items, change, times))
    return "; ".join(said)


def _said(rules: Sequence[Rule], items: Mapping[str, Item], change: Change, times: int) -> str:
    if change.rule is not None:
        rule = rules[change.rule]
        if change.ease is Ease.RAISE:
            return f"let {rule.most + times} of {rule_named(rule)} be together"
        return f"make {rule_named(rule)} of {listed(rule.members)} soft"
    item = items[change.item or ""]
    match change.ease:
        case Ease.LET_MOVE:
            return f"let {item.id} move from {item.host}"
        case Ease.ANY_ZONE:
            return f"let {item.id} be in any zone, not only {item.zone}"
        case Ease.ANY_LABELS:
            return f"let {item.id} be on any host"
        case _:
            return f"leave out {item.id}"


def _new_host(items: Mapping[str, Item], placed: Placed, host: str) -> str:
    there = [item_told(items[name]) for name, at in sorted(placed.places.items()) if at == host]
    zone = host.removeprefix(NEW).split(" ", 1)[1]
    where = f" in zone {zone}" if zone else ""
    return f"add a host{where} with room for {listed(there)}"


def _key(change: Change) -> tuple[str, ...]:
    number = "" if change.rule is None else f"{change.rule:06}"
    return (f"{COST[change.ease]:03}", number, change.item or "", change.zone or "")


def _sensible(changes: Sequence[Change]) -> bool:
    """Return whether each change still has something to change after the others."""
    gone = {c.item for c in changes if c.ease is Ease.LEAVE_OUT}
    soft = {c.rule for c in changes if c.ease is Ease.SOFTEN}
    return not any(
        (c.ease is not Ease.LEAVE_OUT and c.item in gone and c.item is not None)
        or (c.ease is Ease.RAISE and c.rule in soft)
        for c in changes
    )


def _new(change: Change, number: int) -> str:
    return f"{NEW}{number} {change.zone or ''}"


def _changed(problem: Problem, change: Change, number: int) -> Problem:
    if change.ease is Ease.ADD_HOST:
        pools = {pool: None for item in problem.items for pool in item.disk_gib}
        labels = {k: v for item in problem.items for k, v in item.labels.items()}
        zone = change.zone or ""
        more = Host(id=_new(change, number), zone=zone, disk_gib=pools, labels=labels, reserve=True)
        return replace(problem, hosts=(*problem.hosts, more))
    if change.rule is not None:
        rules = list(problem.rules)
        rule = rules[change.rule]
        raised = change.ease is Ease.RAISE
        rules[change.rule] = replace(rule, most=rule.most + 1) if raised else _soft(rule)
        return replace(problem, rules=tuple(rules))
    if change.ease is Ease.LEAVE_OUT:
        rules = [
            replace(rule, members=tuple(m for m in rule.members if m != change.item))
            for rule in problem.rules
        ]
        items = tuple(item for item in problem.items if item.id != change.item)
        return replace(problem, items=items, rules=tuple(rules))
    items = tuple(
        _freed(item, change.ease) if item.id == change.item else item for item in problem.items
    )
    return replace(problem, items=items)


def _soft(rule: Rule) -> Rule:
    return replace(rule, soft=True)


def _freed(item: Item, ease: Ease) -> Item:
    match ease:
        case Ease.LET_MOVE:
            return replace(item, fixed=False)
        case Ease.ANY_ZONE:
            return replace(item, zone="")
        case _:
            return replace(item, labels={})
