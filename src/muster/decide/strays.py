"""Servers that carry our tag and fill no place."""

from uuid import UUID, uuid5

from muster.decide.destiny import Destiny
from muster.decide.draft import Draft, Place
from muster.decide.limits import AGAIN, DRAIN_LOOK, LOST_LOOK
from muster.model.event import Level
from muster.model.observed import Seen, Server
from muster.model.step import CreateServer, DeleteServer, OperateServer

LEFT_BEHIND = "server.left_behind"
NAMED = 32  # of those asked to go, at most
_ON_DEAD_HOST = "its host is dead: it is removed when that is back"
_TOUCHES = (CreateServer, DeleteServer, OperateServer)


# Note [Strays]
# A create may land after its place was struck out: the cloud was slow to list the server,
# or a worker that had lost its lease still had the call under way. Such a server is
# reported, and removed only after a grace time, for its place may be in a database that
# was restored from yesterday. An earlier incarnation of a place that lives is another
# matter: we replaced it ourselves, so it goes at once; also where the place has left us
# since, for then its server was replaced under its new name. One whose host does not answer
# cannot be told to go, and keeps nobody waiting: see Note [Lost hosts].
def clear_strays(draft: Draft) -> None:
    """Take away what fills no place, one server of a node at a time. See Note [Strays].

    A cloud may take its time to delete, so nothing is asked to go twice in a row. Others
    need not wait for that.
    """
    remains = _still_there(draft)
    if not draft.strays:
        return
    places = {each.node.id: each for each in draft.places if each.fate is not Destiny.FORGET}
    touched = {step.node_id for step in draft.steps if isinstance(step, _TOUCHES)}
    now, asked = draft.now, _asked(draft)
    going: list[UUID] = []
    for server in sorted(draft.strays, key=lambda each: each.ref):
        place = places.get(server.node_id)
        lives = place is not None or server.node_id in draft.snapshot.elsewhere
        known = lives or server.server_id in remains
        if not known and not _may_go(draft, server):
            continue
        if server.seen is Seen.UNREACHABLE:
            if draft.cluster.leaving:
                _let_go(draft, server)
            continue  # told to go when its host is back, which marks its cluster
        was_asked = asked is not None and (not asked or server.server_id in asked)
        if was_asked or server.node_id in touched or draft.deletes <= 0 or _served(draft, server):
            draft.wait(f"{server.name}: a former server is still there", now + DRAIN_LOOK)
            continue
        touched.add(server.node_id)
        going.append(server.server_id)
        former = f"a former server of {place.node.name if place else server.name}"
        _delete(draft, server, former if known else "a stray")
        if not known:
            reason = f"{server.name} ({server.ref}) belonged to nothing"
            key = f"gone/{server.server_id}"
            draft.tell("server.stray_removed", reason, level=Level.WARN, key=key)
    if going:
        told = (*(asked or ()), *going)
        draft.change(cleared_at=now, clearing=told if len(told) <= NAMED else ())


# Note [Remains]
# A cloud cannot delete what is on a dead host, and nobody knows when that is back. So a place
# that leaves does not wait for it, once all agree that it is dead (Note [Lost hosts]), or
# somebody insists on his deletion: the place is struck out, and its server stays on the list
# of what goes without a grace time when its host is back. A cluster that is gone has no list;
# then an event says of each of its servers that it was let go, under an id made of its own.
def leave_behind(draft: Draft, server: Server, place: Place | None = None) -> None:
    """Let a server go whose host does not answer. See Note [Remains]."""
    if server.server_id not in draft.cluster.remains:
        draft.change(remains=(*draft.cluster.remains, server.server_id))
    draft.tell(
        LEFT_BEHIND,
        f"{server.name} ({server.ref}) on {server.host}: {_ON_DEAD_HOST}",
        place if draft.snapshot.solo else None,
        level=Level.WARN,
        key=str(server.server_id),
    )


def left_behind_id(server: Server) -> UUID:
    """Return the id of the event which says that this server was let go."""
    return uuid5(server.cluster_id, f"{LEFT_BEHIND}/{server.server_id}")


def is_let_go(draft: Draft, server: Server) -> bool:
    """Return whether a cluster that goes does not wait for this server."""
    away = server.seen is Seen.UNREACHABLE
    return away and server.server_id in draft.cluster.remains


def _let_go(draft: Draft, server: Server) -> None:
    """Have a cluster that goes wait for a former server only while it may be reached again."""
    if server.abandoned or draft.cluster.insisted:
        if not is_let_go(draft, server):
            leave_behind(draft, server)
    else:
        draft.wait(f"{server.name}: its host does not answer", draft.now + LOST_LOOK)


def _still_there(draft: Draft) -> tuple[UUID, ...]:
    """Return which of those let go are still listed; the others are forgotten."""
    remains = draft.cluster.remains
    there = tuple(each for each in remains if each in draft.snapshot.servers)
    if there != remains:
        draft.change(remains=there)
    return there


def _asked(draft: Draft) -> tuple[UUID, ...] | None:
    """Return which were asked to go just now: () is any of them, None is none."""
    cleared = draft.cluster.cleared_at
    just = cleared is not None and draft.now - cleared < AGAIN
    return draft.cluster.clearing if just else None


def _may_go(draft: Draft, server: Server) -> bool:
    """Report the stray, and return whether its grace is over."""
    until = server.created + draft.limits.stray_grace
    if draft.cluster.leaving or draft.now >= until:
        return True
    reason = f"{server.name} ({server.ref}) fills no place; it is removed at {until:%H:%M:%S}"
    draft.tell("server.stray", reason, level=Level.WARN, key=f"stray/{server.server_id}")
    draft.wait(f"{server.name} is a stray", until)
    return False


def _served(draft: Draft, server: Server) -> bool:
    """Return whether the balancer may still send clients to it."""
    pool = draft.snapshot.pool
    if pool is None or server.seen is not Seen.RUNNING or not server.address:
        return False
    member = pool.members.get(server.node_id)
    return member is not None and member.address == server.address


def _delete(draft: Draft, server: Server, why: str) -> None:
    draft.deletes -= 1
    draft.steps.append(
        DeleteServer(node_id=server.node_id, server_id=server.server_id, ref=server.ref, why=why)
    )
