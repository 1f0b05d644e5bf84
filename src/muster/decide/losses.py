"""Whether what is on a host that does not answer is to be replaced elsewhere."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from muster.decide.destiny import Fitness
from muster.model.cluster import Healing
from muster.model.node import Node
from muster.model.observed import Server
from muster.model.pool import Condition


class Host(StrEnum):
    SILENT = "silent"  # it does not answer, and its cloud still believes in it
    DEAD = "dead"  # its cloud has given it up


class Voice(StrEnum):
    """What is heard of the application meanwhile, over the network."""

    ANSWERS = "answers"
    SILENT = "silent"
    UNASKED = "unasked"  # the cluster serves nothing that could be asked
    UNUSED = "unused"  # it was never in service: nobody would miss it


class Verdict(StrEnum):
    WAIT = "wait"
    REPLACE = "replace"
    FENCED = "fenced"  # replace where somebody vouches that a dead host runs nothing


# Note [Lost hosts]
# What is on a host that does not answer may well be serving: the daemon that would tell of it
# may be all that is away. So three have to agree before it is replaced elsewhere. It was waited
# for; its cloud, a majority of which has to be in order for that, holds the host dead; and the
# application is not heard any more either. No request reaches what is replaced then: the pool
# has one address for each place, and that is the new one's. The server left behind is an
# earlier incarnation: it goes the moment its host is back, and until then nobody waits for it.
# Where no application can be asked, nothing tells a dead host from a dead daemon: there the
# cluster's owner has to say that its hosts are fenced.
# A host that is back before that has everything still, and what was heard of it while it was
# away counts for nothing: it gets the time of a start.
VERDICT: Mapping[tuple[Host, Voice], Verdict] = {
    (Host.SILENT, Voice.ANSWERS): Verdict.WAIT,
    # It may be cut off for a moment, or its cloud has not noticed so far.
    (Host.SILENT, Voice.SILENT): Verdict.WAIT,
    (Host.SILENT, Voice.UNASKED): Verdict.WAIT,
    (Host.SILENT, Voice.UNUSED): Verdict.WAIT,
    # The daemon is dead, or its own network is; what runs there is not.
    (Host.DEAD, Voice.ANSWERS): Verdict.WAIT,
    (Host.DEAD, Voice.SILENT): Verdict.REPLACE,
    (Host.DEAD, Voice.UNASKED): Verdict.FENCED,
    (Host.DEAD, Voice.UNUSED): Verdict.REPLACE,
}
_WHY: Mapping[tuple[Host, Voice], str] = {
    (Host.DEAD, Voice.ANSWERS): ", but it does itself",
    (Host.DEAD, Voice.UNASKED): "; nothing tells whether it runs on",
}
LOST = "its host does not answer"
_VOICES = {Condition.GOOD: Voice.ANSWERS, Condition.BAD: Voice.SILENT}


def lost(
    node: Node, server: Server, voice: Voice, healing: Healing, now: datetime
) -> tuple[Fitness, str]:
    """Return how a place on a host that does not answer stands. See Note [Lost hosts]."""
    host = Host.DEAD if server.abandoned else Host.SILENT
    verdict = VERDICT[host, voice]
    if verdict is Verdict.FENCED:
        verdict = Verdict.REPLACE if healing.fencing else Verdict.WAIT
    if node.parked or verdict is Verdict.WAIT:
        return Fitness.LOST, f"{LOST}{_WHY.get((host, voice), '')}"
    if now < given_until(node, healing, now):
        return Fitness.LOST, LOST
    return Fitness.STRANDED, "its host is dead"


def given_until(node: Node, healing: Healing, now: datetime) -> datetime:
    """Return until when a silent host may come back before anything is done about it."""
    return (node.lost_since or now) + timedelta(seconds=healing.lost_wait_s)


def voice(node: Node, application: Condition, *, asked: bool) -> Voice:
    """Return what is heard; while nothing is known it is not held against the application."""
    if node.ready_at is None:
        return Voice.UNUSED
    return _VOICES.get(application, Voice.ANSWERS) if asked else Voice.UNASKED
