"""Closing what is still open on members that drain: little by little, not all at once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from muster.drivers.balancers.haproxy.kept import Kept, name_of
from muster.model.pool import MemberState, Traffic

SHOW = "show sess"
_LONG_S = 30.0  # what has been open so long is no request that is about to be answered
_SPARE_S = 1.0  # the last ones are closed so long before the end
_LINE = re.compile(r"^(0x[0-9a-f]+): .* srv=(\S+) .*\bage=(\S+)", re.M)
_PART = re.compile(r"(\d+)([dhms])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    id: str
    server: str
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A member some of whose sessions are to be closed now."""

    server: str
    left_s: float  # until the last one is to be closed


# Note [Spread closing]
# A member that drains is gone at its deadline, and whoever is connected to it by then
# connects anew: sixty thousand clients in the same moment, if a member holds as many.
# So from half of the time on, sessions that last are closed a few at a time, such that
# the last one goes just before the end. Requests are left alone; they end by themselves.
def closing(kept: Kept, now: float) -> list[Closing]:
    """Return whose sessions are to be closed by now. See Note [Spread closing]."""
    due = []
    for member in kept.members:
        if member.state is not MemberState.DRAIN or member.ends is None:
            continue
        end, name = member.ends.timestamp(), name_of(member)
        began = kept.drained.get(name, now)
        if (began + end) / 2 <= now < end:
            due.append(Closing(server=name, left_s=max(end - now - _SPARE_S, 0.0)))
    return due


def sessions(said: str) -> list[Session]:
    """Return what the answer to `SHOW` says."""
    return [
        Session(id=found[1], server=found[2], age_s=_seconds(found[3]))
        for found in _LINE.finditer(said)
    ]


def _seconds(said: str) -> float:
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(said))


def shutdowns(
    due: Sequence[Closing], there: Sequence[Session], traffic: Traffic, every_s: float
) -> Iterator[str]:
    """Yield the commands that close this moment's share, the oldest sessions first."""
    for each in due:
        lasting = [
            session
            for session in there
            if session.server == each.server
            and (traffic is Traffic.TCP or session.age_s >= _LONG_S)
        ]
        lasting.sort(key=lambda session: -session.age_s)
        moments = max(each.left_s / every_s, 1.0)
        for session in lasting[: ceil(len(lasting) / moments)]:
            yield f"shutdown session {session.id}"
