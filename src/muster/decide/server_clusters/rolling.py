"""How servers are updated and rebooted in turn, and what speaks against it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from muster.decide.server_clusters.preflight import Finding
from muster.model.machine import Detail, Machine, MachineStatus
from muster.model.server_cluster import Rolling
from muster.model.server_job import AFTER, BEFORE, Entry, Verb

_EVACUATED = 2
MEMBERS = "/1.0/cluster/members?recursion=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """An instance, as much of it as tells whether it can go elsewhere."""

    name: str
    member: str
    memory_bytes: int = 0  # that it may take; of one that has no limit, that it takes
    bound: str = ""  # why it cannot move; "": it can


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is on the members of a cluster, and what is free there."""

    guests: tuple[Guest, ...] = ()
    free_bytes: Mapping[str, int] = field(default_factory=dict)  # by member


def unready(machines: Sequence[Machine]) -> Iterator[Finding]:
    """Yield the servers that are in no state for anybody to reboot others beside them."""
    for each in machines:
        if each.status is not MachineStatus.READY:
            text = f"it is {each.status} {each.detail}".rstrip()
            yield Finding(server=each.name, what="not_ready", text=text)
        elif each.detail is not Detail.NONE:
            yield Finding(server=each.name, what="busy", text=f"it is {each.detail}")
        elif each.facts.in_maintenance not in (0, _EVACUATED):
            yield Finding(server=each.name, what="busy", text="it is evacuating or restoring")


def crowded(names: Sequence[str], load: Load, at_once: int = 1) -> Iterator[Finding]:
    """Yield what has to stop while these servers are away, so many of them at once."""
    for name in names:
        for each in _on(name, load):
            if each.bound:
                text = f"instance '{each.name}' cannot move: {each.bound}"
                yield Finding(server=name, what="cannot_move", text=text)
    if at_once == 1:
        found = (_crowded((name,), load) for name in names)
        yield from (each for each in found if each)
    elif worst := _crowded(_heaviest(names, load, at_once), load):
        yield worst


# Note [The heaviest are away together]
# Which servers are away together depends on how long each takes, so any of them may be. What they
# need and do not give is the most for those that need most and have most free. If there is room
# while those are away, there is while any are.
def _heaviest(names: Sequence[str], load: Load, at_once: int) -> tuple[str, ...]:
    """Return whose absence leaves least room. See Note [The heaviest are away together]."""

    def weight(name: str) -> int:
        return _need(name, load) + load.free_bytes.get(name, 0)

    return tuple(sorted(sorted(names, key=weight, reverse=True)[:at_once]))


def _crowded(away: Sequence[str], load: Load) -> Finding | None:
    need = sum(_need(name, load) for name in away)
    room = sum(free for other, free in load.free_bytes.items() if other not in away)
    if need <= room:
        return _too_large(away, load)
    whose = "its instances need" if len(away) == 1 else f"the instances of {', '.join(away)} need"
    text = f"{whose} {need >> 20} MiB, and the other servers have {room >> 20}"
    return Finding(server=away[0] if len(away) == 1 else "", what="no_room", text=text)


def _too_large(away: Sequence[str], load: Load) -> Finding | None:
    """Return which instance fits on no other server, although there is enough on all together."""
    most = max((free for other, free in load.free_bytes.items() if other not in away), default=0)
    moving = [each for name in away for each in _on(name, load) if not each.bound]
    large = max(moving, key=lambda each: each.memory_bytes, default=None)
    if large is None or large.memory_bytes <= most:
        return None
    text = f"instance '{large.name}' needs {large.memory_bytes >> 20} MiB"
    text = f"{text}, and no other server has more than {most >> 20}"
    return Finding(server=large.member, what="no_room", text=text)


def _need(name: str, load: Load) -> int:
    return sum(each.memory_bytes for each in _on(name, load) if not each.bound)


def _on(name: str, load: Load) -> list[Guest]:
    return [each for each in load.guests if each.member == name]


# Note [A majority stays]
# The database of a cluster is on some of its members, which vote. It works while most of those
# answer, so less than half of them may be away. Of two, or of one, one may nevertheless: a cluster
# as small as that is never without such a moment.
def spared(voters: int) -> int:
    """Return how many voters may be away at once. See Note [A majority stays]."""
    return max(1, (voters - 1) // 2)


def votes(member: Mapping[str, Any]) -> bool:
    """Return whether a member, as Incus tells of it, is one of those that vote."""
    return "database" in (member.get("roles") or ())


def too_many(members: int, voters: int, at_once: int) -> Iterator[Finding]:
    """Yield why not so many servers of a cluster may be away at once."""
    most = spared(voters) + members - voters if voters else members - 1
    if at_once > 1 and at_once > most:
        text = f"at most {most} of its {members} servers may be away at once, not {at_once}"
        why = f": {voters} of them vote, and most of those have to answer" if voters else ""
        yield Finding(server="", what="max_parallel", text=f"{text}{why}")


def updating(machines: Sequence[Machine], rolling: Rolling) -> tuple[Entry, ...]:
    made: list[Entry] = []
    for each in _ordered(machines):
        update = Entry(verb=Verb.UPDATE, server=each.name)
        made += _hooked([update], rolling, {"doing": "update"})
    return tuple(made)


def rebooting(
    machines: Sequence[Machine], rolling: Rolling, *, if_needed: bool
) -> tuple[Entry, ...]:
    """Return how servers are rebooted one after another; who was evacuated before stays so."""
    alone = len(machines) == 1
    body = {"if_needed": True} if if_needed else {}
    made: list[Entry] = []
    for each in _ordered(machines):
        mine: list[Entry] = []
        moves = not alone and each.facts.in_maintenance != _EVACUATED
        if moves:
            mine += evacuating(each.name, rolling, body)
        mine.append(Entry(verb=Verb.REBOOT, server=each.name, body=body))
        if moves:
            mode = {"mode": rolling.restore_mode} if rolling.restore_mode else {}
            mine.append(Entry(verb=Verb.RESTORE, server=each.name, body=mode))
        if rolling.post_restore_s:
            rest = {**body, "rest_s": rolling.post_restore_s}
            mine.append(Entry(verb=Verb.SETTLE, server=each.name, body=rest))
        made += _hooked(mine, rolling, {**body, "doing": "reboot"})
    return tuple(made)


def evacuating(
    server: str, rolling: Rolling, body: Mapping[str, Any] | None = None
) -> tuple[Entry, ...]:
    """Return how a server is emptied: nodes of clusters leave by themselves, all else is moved."""
    said = body or {}
    drain = Entry(verb=Verb.DRAIN, server=server, body={**said, "within_s": rolling.drain_s})
    return drain, Entry(verb=Verb.EVACUATE, server=server, body=said)


def _hooked(steps: Sequence[Entry], rolling: Rolling, body: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield what is done to a server, between what its cluster's hooks are told of it."""
    server = steps[0].server
    if url := rolling.hook_before:
        yield Entry(verb=Verb.HOOK, server=server, what=BEFORE, body={**body, "url": url})
    yield from steps
    if url := rolling.hook_after:
        yield Entry(verb=Verb.HOOK, server=server, what=AFTER, body={**body, "url": url})


def _ordered(machines: Sequence[Machine]) -> list[Machine]:
    return sorted(machines, key=lambda each: each.name)
