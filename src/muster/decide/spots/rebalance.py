"""Which nodes would better stand elsewhere: first by the rules, then where it is worth it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from uuid import UUID

from muster.decide.placement.judge import faults
from muster.decide.spots.scene import BROKEN, Scene, groups, scene_of
from muster.decide.spots.wants import APART, SOFT
from muster.model.placing import Answer, Impossible, Placed, Problem, Relation, Rule, zone_mark
from muster.model.rebalancing import Fleet, Proposal, Standing, Transfer

MOST = 1000  # moves of one proposal
LOOKS = 200_000  # at a host for a node, about as many as take four seconds
_MARK = "yes"
_OPEN = "open"  # the label of hosts that nobody has to leave

Places = Mapping[UUID, str]


def wrong(fleet: Fleet) -> tuple[Problem, ...]:
    """Return the problems whose answer puts right which rules are broken, () if none is.

    The first one moves only those whose rules are broken, the last one everybody who can.
    """
    problem = _problem(fleet, frozenset(each.id for each in fleet.standing))
    here = {str(each.id): each.host for each in fleet.standing}
    if not faults(problem, here):
        return ()
    return _problem(fleet, _touched(fleet)), problem


def proposal(fleet: Fleet, righted: Answer | None = None) -> Proposal:
    """Return what is worth to be moved, after what an answer to `wrong` has moved already.

    Once it is carried out, nothing more is proposed. See Note [What a move is worth].
    """
    start = {each.id: each.host for each in fleet.standing}
    lawful = dict(start)
    if isinstance(righted, Placed):
        lawful |= {UUID(item): host for item, host in righted.places.items()}
    movable = [each for each in fleet.standing if not each.stays]
    scene = scene_of(fleet, lawful)
    steps, whole = _descend(scene, movable, lawful)
    ended = lawful | {node.id: host for node, host in steps}
    ways = _in_order(fleet, start, ended)
    if lawful == start and len(ways) < sum(ended[id] != host for id, host in start.items()):
        ways = steps  # each in its turn has room, whereas all at once have not
    transfers = tuple(_transfers(fleet, start, ways))
    reached = start | {node.id: host for node, host in ways}
    return Proposal(
        transfers=transfers,
        before=_points(fleet, start),
        after=_points(fleet, reached),
        unsolved=(*_unsolved(righted), *_held(fleet), *_stuck(fleet, reached, ended)),
        whole=whole,
    )


def _touched(fleet: Fleet) -> frozenset[UUID]:
    """Return who is of a crowd or group in which a rule is broken."""
    scene = scene_of(fleet, {each.id: each.host for each in fleet.standing})
    crowds = {each.crowd for each in fleet.standing if scene.astray(each)}
    for _, members in groups(fleet).values():
        if any(each.crowd in crowds or _against(scene, each) for each in members):
            crowds |= {each.crowd for each in members}
    return frozenset(each.id for each in fleet.standing if each.crowd in crowds)


def _against(scene: Scene, each: Standing) -> bool:
    """Return whether a node stands against the rule of its group."""
    group = scene.crowds[each.crowd].group
    if group is None or group.affinity in SOFT:
        return False
    if group.affinity in APART:
        return scene.grouped[group.id, each.host] > 1
    return any(
        count and id == group.id and host != each.host
        for (id, host), count in scene.grouped.items()
    )


def _problem(fleet: Fleet, may_move: frozenset[UUID]) -> Problem:
    """Return the hard rules of a fleet as a problem, in which only these may move."""
    weights = {each.id: each.weights for each in fleet.crowds}
    allowed = {each.id: _allowed(each, weights[each.crowd]) for each in fleet.standing}
    loose = {each.id for each in fleet.crowds if each.loose}
    unions = {zones for zones in allowed.values() if zones}
    return Problem(
        hosts=tuple(
            replace(
                host,
                open=host.open and host.id not in fleet.away,
                labels={_union(zones): _MARK for zones in sorted(unions) if host.zone in zones}
                | ({} if host.id in fleet.away else {_OPEN: _MARK}),
            )
            for host in fleet.hosts
        ),
        items=tuple(
            replace(
                each.item,
                host=each.host,
                fixed=bool(each.stays)
                or each.id not in may_move
                or (each.crowd in loose and each.host not in fleet.away),
                labels=({_union(allowed[each.id]): _MARK} if allowed[each.id] else {})
                | ({_OPEN: _MARK} if each.host in fleet.away and not each.stays else {}),
            )
            for each in fleet.standing
        ),
        rules=tuple(rule for crowd in fleet.crowds for rule in crowd.rules)
        + tuple(
            Rule(
                name=group.name,
                relation=Relation.APART if group.affinity in APART else Relation.TOGETHER,
                members=tuple(str(each.id) for each in members),
            )
            for group, members in groups(fleet).values()
            if group.affinity not in SOFT
        ),
    )


def _allowed(each: Standing, weights: Mapping[str, int]) -> tuple[str, ...]:
    named = tuple(sorted(zone for zone, weight in weights.items() if weight))
    if each.zones and named:
        return tuple(sorted({*each.zones} & {*named})) or each.zones
    return tuple(sorted(each.zones)) or named


def _union(zones: Sequence[str]) -> str:
    return zone_mark("|".join(zones))


def _descend(
    scene: Scene, movable: Sequence[Standing], places: Places
) -> tuple[list[tuple[Standing, str]], bool]:
    """Return moves, each worth more than it costs, until none is; and whether none is left.

    In each round one of those that are alike may move, those first who gain most by it.
    """
    now, moves = dict(places), list[tuple[Standing, str]]()
    for _ in range(MOST):
        firsts = [alike[0] for alike in _alike(movable, now)]
        found = [(each, best) for each in firsts if (best := _best(scene, each, now[each.id]))]
        found.sort(key=lambda one: -one[1][0])
        if not found:
            return moves, True
        for each, _ in found:
            best = _best(scene, each, now[each.id])
            if best is None:
                continue
            if len(moves) == MOST or scene.looks > LOOKS:
                return moves, False
            scene.put(each, now[each.id], -1)
            scene.put(each, best[1], 1)
            now[each.id] = best[1]
            moves.append((each, best[1]))
    return moves, False


def _alike(movable: Sequence[Standing], places: Places) -> list[list[Standing]]:
    """Return those that differ in nothing but their names together, in an order of their own.

    Those that are to move in any case come first: they go where they are wanted at once.
    """

    def kind(each: Standing) -> tuple[object, ...]:
        item = each.item
        size = item.vcpus, item.ram_mib, sorted(item.disk_gib.items())
        return (str(each.crowd), places[each.id], size, each.zones, each.serves, each.members)

    def turn(each: Standing) -> tuple[object, ...]:
        return (kind(each), places[each.id] == each.host, each.name, str(each.id))

    ranked = sorted(movable, key=turn)
    return [list(alike) for _, alike in groupby(ranked, key=kind)]


def _best(scene: Scene, each: Standing, source: str) -> tuple[float, str] | None:
    """Return what is gained most, and where; None where nothing is worth the move."""
    group = scene.crowds[each.crowd].group
    if group and group.affinity not in APART and group.affinity not in SOFT:
        return None
    cost = scene.cost(each) + 1e-6
    if scene.most_gain(each, source) <= cost:
        return None
    scene.looks += len(scene.hosts)
    gains = (
        (scene.gain(each, source, host.id), host.id)
        for host in scene.hosts.values()
        if host.id != source and scene.may(each, host)
    )
    found = [(gain - cost, id) for gain, id in gains if gain > cost]
    return min(found, key=lambda one: (-one[0], one[1])) if found else None


def _in_order(fleet: Fleet, start: Places, end: Places) -> list[tuple[Standing, str]]:
    """Return the moves from start to end so that each has room in its turn; not those that
    would have to change places with another."""
    scene = scene_of(fleet, start)
    left = [each for each in fleet.standing if end[each.id] != start[each.id]]
    gains = {each.id: scene.gain(each, start[each.id], end[each.id]) for each in left}
    left.sort(key=lambda each: (-gains[each.id], each.name, str(each.id)))
    ways: list[tuple[Standing, str]] = []
    while left:
        waiting: list[Standing] = []
        for each in left:
            if scene.may(each, scene.hosts[end[each.id]]):
                scene.put(each, start[each.id], -1)
                scene.put(each, end[each.id], 1)
                ways.append((each, end[each.id]))
            else:
                waiting.append(each)
        if len(waiting) == len(left):
            break
        left = waiting
    return ways


def _transfers(
    fleet: Fleet, start: Places, ways: Sequence[tuple[Standing, str]]
) -> Iterator[Transfer]:
    scene, now = scene_of(fleet, start), dict(start)
    for each, target in ways:
        source = now[each.id]
        here = replace(each, host=source)
        against = scene.astray(here) or _against(scene, here)
        extra = BROKEN if against and source not in scene.away else 0.0
        crowd = scene.crowds[each.crowd]
        yield Transfer(
            node=each.id,
            name=each.name,
            crowd=crowd.id,
            crowd_name=crowd.name,
            source=source,
            target=target,
            benefit=round(scene.gain(each, source, target) + extra, 1),
            disruption=round(scene.cost(each), 1),
            why=_why(scene, each, source, target, against=against),
            members=each.members,
        )
        scene.put(each, source, -1)
        scene.put(each, target, 1)
        now[each.id] = target


def _why(scene: Scene, each: Standing, source: str, target: str, *, against: bool) -> str:
    crowd = scene.crowds[each.crowd]
    here, there = scene.by_host[crowd.id, source], scene.by_host[crowd.id, target]
    if source in scene.away:
        return f"{source} is to be left"
    if against:
        name = crowd.group.name if crowd.group else "its zones"
        return f"against the rule of {name}"
    if here > there + 1 and not crowd.loose:
        return f"{source} has {here} of {crowd.name}, {target} has {there}"
    one, other = scene.hosts[source].zone, scene.hosts[target].zone
    if one != other and crowd.id in scene.quota:
        counts = scene.by_zone[crowd.id, one], scene.by_zone[crowd.id, other]
        return f"zone {one} has {counts[0]} of {crowd.name}, {other} has {counts[1]}"
    return f"{source} is fuller than {target}"


def _points(fleet: Fleet, places: Places) -> float:
    scene = scene_of(fleet, places)
    moved = [replace(each, host=places[each.id]) for each in fleet.standing]
    broken = sum(scene.astray(each) or _against(scene, each) for each in moved)
    return round(scene.points() + BROKEN * broken, 1)


def _unsolved(righted: Answer | None) -> Iterator[str]:
    if isinstance(righted, Impossible):
        yield righted.conflict.text
    elif righted is not None and not isinstance(righted, Placed):
        yield righted.reason


def _held(fleet: Fleet) -> Iterator[str]:
    for each in fleet.standing:
        if each.stays and each.host in fleet.away:
            yield f"{each.name} stays on {each.host}: {each.stays}"


def _stuck(fleet: Fleet, reached: Places, wanted: Places) -> Iterator[str]:
    for each in fleet.standing:
        if reached[each.id] != wanted[each.id]:
            yield (
                f"{each.name} belongs on {wanted[each.id]}, "
                "where there is no room before somebody else has left"
            )
