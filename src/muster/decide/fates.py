"""What is done about each place in this pass, once it is known which of them stay."""

from dataclasses import dataclass, replace
from datetime import datetime

from muster.decide.departures import is_held, part, stops_before_update, stops_first
from muster.decide.destiny import AWAY, Destiny, Fitness, Want, destiny
from muster.decide.draft import Draft, Place
from muster.decide.filling import create, hold, reborn
from muster.decide.health import Ward, repairs_allowed
from muster.decide.limits import (
    AGAIN,
    DRAIN_LOOK,
    LOST_LOOK,
    backed_off,
    broke_soon,
    failures,
    next_look,
    refused_lately,
    resting,
    spent,
)
from muster.decide.losses import given_until
from muster.decide.rolling import budget, rolling
from muster.decide.strays import leave_behind
from muster.model.event import Level
from muster.model.node import Why
from muster.model.pool import UNCOUNTED, MemberState
from muster.model.step import DeleteServer

GIVEN_UP = "given up after"
HOPELESS = (GIVEN_UP, "Recovery failed")  # how the reason of a place begins that was given up
_SERVING = (Fitness.READY, Fitness.UNREADY, Fitness.SICK)


@dataclass(slots=True)
class Mends:
    """How many more may be mended in this pass. See Note [Sick ones by budget]."""

    any: int | None  # None: as many as there are
    running: int

    def take(self, each: Place) -> str:
        """Use one up, or return why there is none."""
        if self.any == 0:
            return "too many nodes are ill at once"
        if each.fitness is Fitness.SICK:
            if self.running <= 0:
                return "others are being replaced first"
            self.running -= 1
        if self.any is not None:
            self.any -= 1
        return ""


# Note [Sick ones by budget]
# What is dead is replaced at once: there is nothing left to disrupt. What runs and does
# not answer may still do some good, or come back, so of those only as many are replaced
# at a time as the cluster's disruption budget has, and one at least.
def mends(draft: Draft, ill: Ward) -> Mends:
    allowed = budget(draft.cluster)
    room = allowed.surge + draft.cluster.desired - allowed.floor
    return Mends(any=repairs_allowed(draft, ill), running=max(1, room) - len(ill.mending))


def decide_fates(draft: Draft, ill: Ward) -> None:
    """Give every place its fate, and collect the steps that can start now."""
    left = mends(draft, ill)
    going = draft.cluster.leaving and _front_stands(draft)
    for each in draft.places:
        if each.leaving is None:
            if each.renew_by is not None:
                _renew(draft, each)
            elif each.fitness is not Fitness.READY and each.fate is not Destiny.OPERATE:
                _stay(draft, each, left)
        elif going:
            each.fate = Destiny.HOLD
            draft.wait(f"{each.node.name} waits for the load balancer", draft.now + DRAIN_LOOK)
        elif each.fate is Destiny.OPERATE:  # chosen to go in this very pass
            hold(draft, each, f"{each.node.name} is operated first", draft.now)
        else:
            _leave(draft, each)


def _front_stands(draft: Draft) -> bool:
    """Clients may still come: the pool, or the name that leads to it, is there."""
    record = draft.snapshot.record
    ours = record is not None and record.owner == draft.cluster.id
    return draft.snapshot.pool is not None or ours


def _stay(draft: Draft, each: Place, left: Mends) -> None:
    each.fate = fate = destiny(Want.STAY, each.fitness)
    if fate is Destiny.KEEP:
        if joining(draft, each):
            said = f"{each.node.name} is on its way into the load balancer"
            draft.wait(said, draft.now + DRAIN_LOOK)
        return
    if fate is Destiny.AWAIT:
        _await(draft, each)
    elif spent(draft, each):
        _give_up(draft, each)
    elif fate is Destiny.CREATE:
        create(draft, each, "the place is empty")
    elif each.ready_at is None:
        _start_over(draft, each)
    else:
        _repair(draft, each, left)


def joining(draft: Draft, each: Place) -> bool:
    """Return whether a place that was in order only has to be in the pool, too."""
    unpooled = draft.balanced and each.member is None and each.ready_at is not None
    return unpooled and each.fitness is Fitness.UNREADY and not each.why


def _await(draft: Draft, each: Place) -> None:
    if each.fitness is Fitness.LOST:
        until = given_until(each.node, draft.cluster.healing, draft.now)
        later = draft.now + LOST_LOOK
        until = min(until, later) if until > draft.now else later
        draft.wait(f"{each.node.name}: {each.why}", until)
        return
    node = each.node
    began = node.began_at if each.ready_at is None else node.sick_since
    draft.wait(f"{node.name} is starting", next_look(began or draft.now, draft.now))


def _give_up(draft: Draft, each: Place) -> None:
    each.fate = Destiny.REST
    node = each.node
    if node.reason.startswith(HOPELESS):
        each.why = node.reason  # said before, and told then
        return
    each.why = f"{GIVEN_UP} {node.tries} tries: {each.why or node.reason or 'it failed'}"
    draft.tell("node.failed", each.why, each, level=Level.ERROR)


def _start_over(draft: Draft, each: Place) -> None:
    """The server was never ready and will not be: the place is tried anew, a little later."""
    tries = each.node.tries + 1
    most = draft.cluster.healing.max_tries
    each.edit(tries=tries)
    if tries >= most:
        each.fate = Destiny.REST
        each.why = f"{GIVEN_UP} {tries} tries: {each.why}"
        draft.tell("node.failed", each.why, each, level=Level.ERROR)
        if rolling(draft.cluster):
            draft.wait(f"{each.node.name} speaks against the update", draft.now)
        return
    draft.tell("node.failed", f"{each.why}; try {tries + 1} of {most}", each, level=Level.WARN)
    reborn(draft, each)
    each.edit(retry_at=backed_off(each, tries, draft.now))
    create(draft, each, each.why)


# Note [Broken again]
# A server that dies soon after it came into service counts against its place like one
# that never got there: otherwise an image that runs for ten seconds would be started
# again for ever, at full speed.
def _repair(draft: Draft, each: Place, left: Mends) -> None:
    """Fill the place anew, if it is its turn. See Note [Broken again]."""
    healing = draft.cluster.healing
    if each.excused or healing.watches or not healing.enabled:
        each.fate = Destiny.REST  # what watches call ill is mended by request
        return
    why = left.take(each)
    if why:
        storm = draft.cluster.storm
        until = storm.retry_at if storm else None
        hold(draft, each, f"{each.node.name} is not replaced now: {why}", until)
        return
    stranded = each.fitness is Fitness.STRANDED  # whose fault is its host's
    tries = failures(draft, each) + 1 if broke_soon(draft, each) and not stranded else 0
    reason = each.why
    reborn(draft, each)
    if stranded and each.node.wanted_zone:
        each.edit(wanted_zone="")
    each.edit(tries=tries, retry_at=backed_off(each, tries, draft.now) if tries > 1 else None)
    create(draft, each, f"repair: {reason}")


def _renew(draft: Draft, each: Place) -> None:
    """Turn a place to its next server, once no client is sent to the present one."""
    due = each.renew_by or draft.now
    if each.member is not None and each.fitness in _SERVING:
        if _drains(draft, each, due):
            return
        each.fate = Destiny.REMOVE  # out of the pool first: see `members.py`
        draft.wait(f"{each.node.name} leaves the load balancer", draft.now + DRAIN_LOOK)
        return
    if stops_before_update(draft, each):
        return
    each.renew_by = None
    each.edit(renew_by=None, tries=0, retry_at=None)
    reborn(draft, each)
    create(draft, each, "its next server was asked for")


def _leave(draft: Draft, each: Place) -> None:
    fate = destiny(Want.LEAVE, each.fitness)
    if draft.cluster.insisted and each.fitness in AWAY:
        fate = Destiny.FORGET
    if fate is Destiny.DRAIN and (each.member is None or each.leaving is None):
        fate = Destiny.REMOVE  # no client is sent to it
    each.fate = fate
    if is_held(draft, each):
        return
    if fate in (Destiny.FORGET, Destiny.REMOVE) and _parts(draft, each):
        part(draft, each)
    elif fate is Destiny.FORGET:
        draft.drop.append(each.node.id)
        if each.server is not None:
            leave_behind(draft, each.server, each)
        reason = each.leaving.reason if each.leaving else ""
        draft.tell("node.removed", reason or "nothing is left of it", each)
    elif fate is Destiny.REMOVE:
        _remove(draft, each)
    elif fate is Destiny.DRAIN:
        _drain(draft, each)


def _parts(draft: Draft, each: Place) -> bool:
    """Return whether a node leaves its cluster now instead of ending with it."""
    leaving = each.leaving
    stays = leaving is not None and not leaving.destroy and bool(each.node.ref)
    return stays and not draft.snapshot.solo and not _in_grace(draft, each)


def _in_grace(draft: Draft, each: Place) -> bool:
    until = each.leaving.not_before if each.leaving else None
    if until is None or draft.now >= until:
        return False
    hold(draft, each, f"{each.node.name} stays until {until:%H:%M:%S}", until)
    return True


def _remove(draft: Draft, each: Place) -> None:
    node, server = each.node, each.server
    if server is None or _in_grace(draft, each):
        return
    if resting(draft, each) or refused_lately(draft, each):
        look = next_look(each.leaving.since if each.leaving else draft.now, draft.now)
        hold(draft, each, f"{node.name} is going away", look)
        return
    if stops_first(draft, each):
        return
    if draft.deletes <= 0:
        hold(draft, each, f"{node.name} waits for its turn", draft.now)
        return
    draft.deletes -= 1
    each.edit(retry_at=draft.now + AGAIN)
    why = each.leaving.reason if each.leaving else ""
    draft.steps.append(
        DeleteServer(node_id=node.id, server_id=server.server_id, ref=server.ref, why=why)
    )


# Note [Drained]
# A pool first hears that a member is to get no new sessions; only when it shows that, and
# shows none open, or when the deadline is over, does the member leave it; and only when
# it shows the member no more is the server deleted. Each stage waits to see the one
# before, so a slow balancer makes a drain longer, never rude.
def _drain(draft: Draft, each: Place) -> None:
    """Go one stage on with a place on its way out. See Note [Drained]."""
    node, member, leaving = each.node, each.member, each.leaving
    assert member
    assert leaving
    told = member.state is MemberState.DRAIN
    if not told and _is_needed(draft, each):
        each.fate = Destiny.HOLD
        if leaving.deadline < draft.now + draft.drain / 2:
            each.edit(leaving=replace(leaving, deadline=draft.now + draft.drain))
        draft.wait(f"{node.name} serves until another one does", draft.now + DRAIN_LOOK)
        return
    if not _drains(draft, each, leaving.deadline):
        each.fate = Destiny.REMOVE  # out of the pool first: see `members.py`
        draft.wait(f"{node.name} leaves the load balancer", draft.now + DRAIN_LOOK)


def _drains(draft: Draft, each: Place, deadline: datetime) -> bool:
    """Return whether a member goes on draining, and note what it waits for."""
    node, member = each.node, each.member
    if member is None:
        return False
    each.fate = Destiny.DRAIN
    if member.open_requests != node.open_requests:
        each.edit(open_requests=member.open_requests)
    told = member.state is MemberState.DRAIN
    if draft.now >= deadline or (told and not member.open_requests):
        return False
    said = _open_words(member.open_requests) if told else "no new sessions"
    until = min(deadline, draft.now + DRAIN_LOOK)
    draft.wait(f"{node.name} drains, {said}", until)
    return True


def _open_words(sessions: int) -> str:
    return "its time not over yet" if sessions == UNCOUNTED else f"{sessions} sessions open"


def _is_needed(draft: Draft, each: Place) -> bool:
    """Return whether a node asked to go by name has to serve until its successor does."""
    if each.leaving is None or each.leaving.why is not Why.REQUEST:
        return False
    available = sum(other.available for other in draft.serving)
    coming = any(
        not other.available
        and other.fitness in (Fitness.EMPTY, Fitness.STARTING)
        and not spent(draft, other)
        for other in draft.serving
    )
    return coming and available < budget(draft.cluster).floor
