"""A conflict in words: who must be where, and which hosts have room for it."""

from collections.abc import Iterator, Sequence

from muster.decide.placement.board import Board
from muster.decide.placement.phrases import amount, counted, listed, size
from muster.model.placing import Conflict, Item, Problem, Relation, Rule, Scope, Want

MUSTS = 6  # told, of what rules and items ask for
HOSTS = 4  # named, of those that have room


def told(problem: Problem, conflict: Conflict, board: Board) -> str:
    """Return the conflict in words; `board` is of what it is about and nothing else."""
    if not problem.hosts:
        return "there is no host"
    musts = [*_rules(problem, conflict), *_wants(problem, conflict)]
    if len(musts) > MUSTS:
        musts = [*musts[: MUSTS - 1], f"{len(musts) - MUSTS + 1} more such rules hold"]
    room = [*_too_few(problem, conflict), *_room(conflict, board)]
    if not musts and not room:
        room = [f"no host is open to {listed(conflict.items)}"]
    return "; ".join(filter(None, (", and ".join(musts), ", and ".join(room))))


def _rules(problem: Problem, conflict: Conflict) -> Iterator[str]:
    there = frozenset(conflict.items)
    for number in conflict.rules:
        rule = problem.rules[number]
        members = sorted(there.intersection(rule.members))
        yield f"{listed(members)} {_must(rule, len(members))}"


def _too_few(problem: Problem, conflict: Conflict) -> Iterator[str]:
    """Yield how many hosts or zones there are where that alone is too few."""
    hosts, zones = len(problem.hosts), len({host.zone for host in problem.hosts})
    for number in conflict.rules:
        rule = problem.rules[number]
        there, place = (hosts, "host") if rule.scope is Scope.HOST else (zones, "zone")
        members = len(set(conflict.items).intersection(rule.members))
        if rule.relation is Relation.APART and members > rule.most * there:
            yield f"there {'is' if there == 1 else 'are'} {counted(there, place)}"


def _must(rule: Rule, members: int) -> str:
    place, at = ("host", "on") if rule.scope is Scope.HOST else ("zone", "in")
    if rule.relation is Relation.TOGETHER:
        return f"must be {at} one {place}"
    if rule.most == 1:
        return f"must be {at} {counted(members, place) if members > 1 else 'different hosts'}"
    return f"may be no more than {counted(rule.most, '').rstrip(' s')} {at} one {place}"


def _wants(problem: Problem, conflict: Conflict) -> Iterator[str]:
    items = {item.id: item for item in problem.items}
    for name, want in conflict.wants:
        item = items[name]
        match want:
            case Want.STAY:
                yield f"{name} must stay on {item.host}"
            case Want.ZONE:
                yield f"{name} must be in zone {item.zone}"
            case Want.LABELS:
                labels = ", ".join(f"{k}={v}" for k, v in sorted(item.labels.items()))
                yield f"{name} needs a host with {labels}"


def _room(conflict: Conflict, board: Board) -> Iterator[str]:
    """Yield which hosts have room for whom, or that together they ask for more than there is."""
    for r in range(len(board.resources)):
        needs = sorted({block.need[r] for block in board.blocks if block.need[r]})
        who = [b for b, block in enumerate(board.blocks) if block.need[r]]
        lacking = [n for n in needs if min(board.room[r]) < n]
        if lacking:
            yield _fitting(board, r, lacking[-1])
        if len(who) > 1 and (not conflict.rules or not lacking):
            yield _together(board, r)


def _fitting(board: Board, r: int, need: int) -> str:
    room, resource = board.room[r], board.resources[r]
    hosts = [board.hosts[h].id for h in range(len(room)) if room[h] >= need]
    owners = [b for b, block in enumerate(board.blocks) if block.need[r] == need]
    all_need = len(owners) == len(board.blocks)
    who = listed([_owner(board, b) for b in owners])
    needs = "needs" if len(owners) == 1 else "need"
    if hosts:
        has = "has" if len(hosts) == 1 else "have"
        that = "" if all_need else f" that {who} {needs}"
        return f"only {listed(hosts, HOSTS)} {has} {amount(need, resource)} free{that}"
    most = max(range(len(room)), key=lambda h: (room[h], -h))
    has = f"{board.hosts[most].id} has most, {amount(room[most], resource)}"
    return f"no host has the {amount(need, resource)} free that {who} {needs} ({has})"


def _together(board: Board, r: int) -> str:
    resource, room = board.resources[r], board.room[r]
    blocks = [b for b, block in enumerate(board.blocks) if block.need[r]]
    total = amount(sum(board.blocks[b].need[r] for b in blocks), resource)
    hosts = sorted({h for b in blocks for h in board.blocks[b].may}, key=lambda h: (-room[h], h))
    who = listed([_owner(board, b) for b in blocks])
    if len(hosts) > HOSTS:
        have = sum(room[h] for h in hosts)
        free = f"{counted(len(hosts), 'host')} have {amount(have, resource)} free, on each at most "
        free += amount(room[hosts[0]], resource)
    else:
        hosts.sort()
        each = [f"{board.hosts[h].id} {size(room[h], resource)}" for h in hosts]
        free = listed(each).replace(" ", " has ", 1) + " of it free"
    return f"{who} together need {total}; {free}"


def _owner(board: Board, block: int) -> str:
    names = [board.items[i].id for i in board.blocks[block].items]
    return names[0] if len(names) == 1 else f"{' with '.join(names[:2])}{' ...' * (len(names) > 2)}"


def item_told(item: Item) -> str:
    """Return what an item needs: "db-1 (2 vCPUs, 4 GiB of memory)"."""
    needs: Sequence[str] = [
        amount(quantity, resource)
        for resource, quantity in (
            ("vcpus", item.vcpus),
            ("ram_mib", item.ram_mib),
            *((f"disk_gib:{pool}", size) for pool, size in sorted(item.disk_gib.items())),
        )
        if quantity
    ]
    return f"{item.id} ({', '.join(needs)})" if needs else item.id
