"""From the servers that a running HAProxy has to those it should have: the commands."""

from collections.abc import Iterator

from muster.drivers.balancers.haproxy.config import MEMBERS, checked, options
from muster.drivers.balancers.haproxy.kept import Kept, dial
from muster.drivers.balancers.haproxy.stats import Row, Stats
from muster.model.pool import Front, MemberState, MemberWanted, Persistence


def commands(kept: Kept, seen: Stats) -> list[str]:
    """Return what to tell HAProxy, nothing where it is as it should be.

    Servers that are not wanted any more are only taken out of service; see `deletions`.
    """
    wanted = kept.names
    told: list[str] = []
    for name, row in seen.servers.items():
        if name not in wanted and not row.out:
            told.append(_set(name, "state maint"))
    for name, member in wanted.items():
        present = seen.servers.get(name)
        if present is None:
            told += _added(kept.front, name, member)
        else:
            told += _turned(kept.front, name, member.state, present)
    return told


# Note [Asked before it serves]
# A server that comes into service counts as well until it was asked. It is declared sick
# in the same breath, so that its first client comes after its first good answer.
def _added(front: Front, name: str, member: MemberWanted) -> Iterator[str]:
    """See Note [Asked before it serves]."""
    yield f"add server {MEMBERS}/{name} {dial(member)} {options(front)}"
    if checked(front.monitor):
        yield f"enable health {MEMBERS}/{name}"
    if member.state is MemberState.SERVE:
        yield f"enable server {MEMBERS}/{name}"
        yield from _asked_first(front, name)
    else:
        yield _set(name, _drained(front))


def _turned(front: Front, name: str, state: MemberState, row: Row) -> Iterator[str]:
    if state is MemberState.SERVE and (row.out or row.draining):
        yield _set(name, "state ready")
        if row.out:
            yield from _asked_first(front, name)
    drained = _drained(front)
    if state is MemberState.DRAIN and not (row.out if "maint" in drained else row.draining):
        yield _set(name, drained)


def _asked_first(front: Front, name: str) -> Iterator[str]:
    if checked(front.monitor):
        yield _set(name, "health down")


def _drained(front: Front) -> str:
    """Return the state of those that drain.

    HAProxy's own drain lets clients that are kept with a server come again and again;
    in maintenance it gets nothing new, and what is open goes on all the same.
    """
    return "state drain" if front.persistence is Persistence.NONE else "state maint"


def _set(name: str, what: str) -> str:
    return f"set server {MEMBERS}/{name} {what}"


def deletions(kept: Kept, seen: Stats) -> list[str]:
    """Return the commands that remove those whose last session has ended."""
    return [
        f"del server {MEMBERS}/{name}"
        for name, row in seen.servers.items()
        if row.out and not row.open and name not in kept.names
    ]
