"""Closing what is still open on members that drain: little by little, not all at once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
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
    passed: float  # of the time for closing, from 0 to 1


# Note [Spread closing]
# A member that drains is gone at its deadline, and whoever is connected to it by then
# connects anew: sixty thousand clients in the same moment, if a member holds as many.
# So from half of the time on, sessions that last are closed a few at a time, such that
# the last one goes just before the end. Requests are left alone; they end by themselves.
# Several may be closing at once, engines that know nothing of each other. So each session has
# its moment in that time, by its name and nothing else: whoever looks finds the same ones due,
# and what one has closed the others do not find again. Who comes late catches up by shares.


# Note [Names that are given again]
# HAProxy calls a session by where it lies in memory, and gives the place of one that has ended
# to the next: a client of another member, or whoever asks HAProxy something. Two who close what
# both have listed would close those. So they take turns, each from its list to its last word;
# where they cannot, in a room, what is to be closed is looked for once more in the last moment.
def closing(kept: Kept, now: float) -> list[Closing]:
    """Return whose sessions are to be closed by now. See Note [Spread closing]."""
    due = []
    for member in kept.members:
        if member.state is not MemberState.DRAIN or member.ends is None:
            continue
        end, name = member.ends.timestamp(), name_of(member)
        began = kept.drained.get(name, now)
        middle = (began + end) / 2
        if middle <= now < end:
            left_s = max(end - now - _SPARE_S, 0.0)
            whole_s = now - middle + left_s
            passed = (now - middle) / whole_s if left_s else 1.0
            due.append(Closing(server=name, left_s=left_s, passed=passed))
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
    """Yield the commands that close what is ripe."""
    for each in ripe(due, there, traffic, every_s):
        yield f"shutdown session {each.id}"


def ripe(
    due: Sequence[Closing], there: Sequence[Session], traffic: Traffic, every_s: float
) -> Iterator[Session]:
    """Yield the sessions that are to be closed, no more than this moment's share.

    See Note [Spread closing].
    """
    for each in due:
        lasting = [
            (_moment(session), session)
            for session in there
            if session.server == each.server
            and (traffic is Traffic.TCP or session.age_s >= _LONG_S)
        ]
        lasting.sort(key=lambda one: one[0])
        moments = max(each.left_s / every_s, 1.0)
        for moment, session in lasting[: ceil(len(lasting) / moments)]:
            if moment <= each.passed:
                yield session


def _moment(session: Session) -> float:
    """Return when in the time for closing its own moment is, from 0 to 1."""
    said = f"{session.server} {session.id}".encode()
    return int.from_bytes(blake2b(said, digest_size=4).digest()) / 2**32
