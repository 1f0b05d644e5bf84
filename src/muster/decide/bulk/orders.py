"""What a server is told so that it becomes another: one thing at a time, by how it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from muster.decide.bulk.words import Refusal
from muster.decide.secrets import masked
from muster.model.bulk import Config, Present, State

APPLICATIONS, NETWORK = "applications", "system/network"
_BASE = "/os/1.0"
LIMIT = "confirmation_timeout"
QUICK_S, SLOW_S = 60.0, 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a server's interface."""

    path: str
    method: str
    body: Any = None
    within_s: float = QUICK_S


def path_of(part: str) -> str:
    return f"{_BASE}/{part}"


def same(one: Config, other: Config) -> bool:
    """Return whether two configurations say the same: one may leave out what says nothing."""
    return bool(_said(one) == _said(other))


def _said(config: Config) -> Config:
    if isinstance(config, Mapping):
        told = {name: _said(each) for name, each in masked(config).items() if name != LIMIT}
        return {name: each for name, each in told.items() if each not in (None, "", [], {}, 0)}
    return [_said(each) for each in config] if isinstance(config, list | tuple) else config


# Note [One thing at a time]
# A server is looked at before each thing that it is told. So whoever goes on after a crash, or
# after an answer that was lost, needs nothing but what it was and is to become: a part that is
# so already is passed over, one that is as it was is put, and one that is neither was changed by
# somebody else meanwhile, whose change nobody has seen and nobody writes over. What a server has
# taken is not asked for again, though it may spell it otherwise.
@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From how a server is to what it is to become. See Note [One thing at a time]."""

    before: State
    after: State
    confirm_s: int
    taken: frozenset[str] = frozenset()  # parts that it was told, and took


def next_call(now: Present, way: Way) -> Call | Refusal | None:
    """Return the next thing to tell a server; None: nothing, it is there."""
    if now.unconfirmed:
        if NETWORK in way.after and same(now.state.get(NETWORK), way.after[NETWORK]):
            return Call(path=f"{path_of(NETWORK)}/:confirm", method="POST")
        return Refusal("another change of its network waits to be confirmed")
    for part, wanted in way.after.items():
        if same(way.before.get(part), wanted):
            continue
        if part == APPLICATIONS:
            step: Call | Refusal | None = _application(now, way)
        else:
            step = _document(now.state.get(part), part, way)
        if step:
            return step
    return None


def _document(there: Config, part: str, way: Way) -> Call | Refusal | None:
    as_before = same(there, way.before.get(part))
    if part in way.taken:
        lost = part == NETWORK and as_before
        return Refusal("it was not reached in time, and took its network back") if lost else None
    if same(there, way.after[part]):
        return None
    if not as_before:
        return Refusal(f"its {part} was changed by others meanwhile")
    return put(part, way.after[part], way.confirm_s)


def put(part: str, config: Config, confirm_s: int) -> Call:
    """Return what sets one part. A network goes back by itself where nobody reaches it any more."""
    if part == NETWORK:
        config = {**(config or {}), LIMIT: f"{confirm_s}s"}
    return Call(path=path_of(part), method="PUT", body={"config": config or {}})


def _application(now: Present, way: Way) -> Call | None:
    there = now.state.get(APPLICATIONS) or ()
    before, after = way.before.get(APPLICATIONS) or (), way.after[APPLICATIONS] or ()
    come = [each for each in after if each not in before and each not in there]
    go = [each for each in before if each not in after and each in there]
    where = path_of(APPLICATIONS)
    if come:
        return Call(path=where, method="POST", body={"name": come[0]}, within_s=SLOW_S)
    if go:
        return Call(path=f"{where}/{go[0]}/:remove", method="POST", within_s=SLOW_S)
    return None


def way_back(now: Present, way: Way) -> Way:
    """Return the way back of a server that may be half-way: from however it is now."""
    return replace(way, before=now.state, after=way.before, taken=frozenset())
