"""The next thing to be done for a virtual cluster, from how it is recorded and what is seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from muster.model.observed import Seen, Server
from muster.model.step import ServerOrder
from muster.model.vcluster import Member, MemberStatus, VCluster, VClusterStatus
from muster.model.vcluster_step import (
    Attach,
    Detach,
    MakeServer,
    MakeVolume,
    RemoveServer,
    RemoveVolume,
    VStep,
)
from muster.model.volume import Volume, VolumeOrder

_S = VClusterStatus
_M = MemberStatus
WHOLE = "it is there, whole"
COMING = frozenset({_M.PLANNED, _M.BUILDING})
GOING = frozenset({_S.DELETING, _S.ROLLING_BACK, _S.ERROR})  # of the last, what is listed late


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the cloud shows of the members, by their ids."""

    servers: Mapping[UUID, Server] = field(default_factory=dict)
    volumes: Mapping[UUID, Volume] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The vcluster as it is to be written down, and what can be done at once after that."""

    vcluster: VCluster
    steps: tuple[VStep, ...] = ()
    gone: bool = False  # nothing is left of it: its row may go
    waits: bool = False  # for what happens by itself


# Note [In which order]
# Servers are made before volumes: a server that its host refuses can still go elsewhere, while a
# volume would lie where it is. What goes, goes the other way round, and a volume is taken away
# only once no server is there that could write to it. Each pass does what can be done now, so
# what was cut off in the middle goes on where it was.
def course(vcluster: VCluster, sight: Sight, now: datetime) -> Course:
    """Return what comes next. See Note [In which order]."""
    if vcluster.status in GOING:
        return _going(vcluster, sight, now)
    return _coming(vcluster, sight, now)


def _coming(vcluster: VCluster, sight: Sight, now: datetime) -> Course:
    astray = [each for each in vcluster.members if _astray(each, sight)]
    if astray and vcluster.status is _S.CREATING:  # it was given another host since
        return Course(vcluster=vcluster, steps=tuple(removals(astray, sight)), waits=True)
    known = as_seen(vcluster, sight)
    broken = [each for each in known.members if each.status is _M.BROKEN]
    if known.status is not _S.CREATING:
        before = known.reason if known.status is _S.ACTIVE else WHOLE
        reason = f"{broken[0].name}: {broken[0].reason}" if broken else before
        status = _S.WARNING if broken else _S.ACTIVE
        return Course(vcluster=written(vcluster, known.turned(status, reason), now))
    if broken:
        why = f"{broken[0].name} cannot be made: {broken[0].reason}"
        return _going(known.turned(_S.ROLLING_BACK, why), sight, now)
    steps = tuple(makings(known, known.members, sight))
    if steps:
        return Course(vcluster=written(vcluster, begun(known, steps), now), steps=steps)
    if any(each.status is not _M.ACTIVE for each in known.members):
        return Course(vcluster=written(vcluster, known, now), waits=True)
    done = replace(known.turned(_S.ACTIVE, WHOLE), created_at=now)
    return Course(vcluster=written(vcluster, done, now))


def _astray(member: Member, sight: Sight) -> bool:
    """Return whether a member that is to be made is there already, on another host."""
    server, volume = sight.servers.get(member.id), sight.volumes.get(member.id)
    if server:
        return member.status in COMING and server.host not in ("", member.host)
    if volume is None or volume.shared:
        return False
    return member.status is _M.PLANNED and volume.host not in ("", member.host)


def begun(vcluster: VCluster, steps: Sequence[VStep]) -> VCluster:
    """Return the vcluster with those that are to be made said to be so."""
    named = {each.member for each in steps if isinstance(each, MakeServer | MakeVolume)}
    members = (m.turned(_M.BUILDING) if m.name in named else m for m in vcluster.members)
    return replace(vcluster, members=tuple(members))


def makings(vcluster: VCluster, members: Sequence[Member], sight: Sight) -> Iterator[VStep]:
    """Yield what of these can be made now: servers, then volumes, then what belongs together."""
    missing = [each for each in members if each.server and each.id not in sight.servers]
    if missing:
        yield from (_server(vcluster, each) for each in missing)
        return
    servers = (each for each in vcluster.members if each.id in sight.servers)
    there = {each.name: sight.servers[each.id] for each in servers}
    for each in members:
        volume = sight.volumes.get(each.id)
        if each.volume and volume is None:
            yield _volume(vcluster, each)
        elif each.volume and volume and not volume.server_ref:
            server = there.get(each.volume.attach_to)  # none, where nobody is to have it
            if server and server.seen is Seen.RUNNING:
                yield Attach(member=each.name, volume_id=each.id, server_ref=server.ref)


def _server(vcluster: VCluster, member: Member) -> MakeServer:
    assert member.server
    order = ServerOrder(
        server_id=member.id,
        node_id=member.id,
        cluster_id=vcluster.id,
        project=vcluster.project,
        name=f"{vcluster.name}-{member.name}",
        index=1 + [each.id for each in vcluster.members].index(member.id),
        spec=member.server,
        zone=member.host_zone,
        host=member.host,
    )
    return MakeServer(member=member.name, order=order)


def _volume(vcluster: VCluster, member: Member) -> MakeVolume:
    assert member.volume
    order = VolumeOrder(
        volume_id=member.id,
        name=f"{vcluster.name}-{member.name}",
        project=vcluster.project,
        size_gib=member.volume.size_gib,
        host=member.host,
        pool=member.volume.pool,
    )
    return MakeVolume(member=member.name, order=order)


def as_seen(vcluster: VCluster, sight: Sight) -> VCluster:
    """Return the vcluster with its members as the cloud shows them."""
    return replace(vcluster, members=tuple(_as_seen(each, sight) for each in vcluster.members))


def _as_seen(member: Member, sight: Sight) -> Member:
    """Return a member as the cloud shows it; who was there and is not any more is broken."""
    server, volume = sight.servers.get(member.id), sight.volumes.get(member.id)
    if member.status is _M.LEAVING:
        return member
    if volume:
        ready = bool(volume.server_ref) or not (member.volume and member.volume.attach_to)
        there = replace(member, ref=volume.ref)
        return _turned(there, _M.ACTIVE if ready else _M.BUILDING, "")
    if server is None:
        lost = member.status in (_M.ACTIVE, _M.BROKEN)
        return _turned(member, _M.BROKEN, "it is gone") if lost else member
    there = replace(member, ref=server.ref, address=server.address)
    if server.seen in (Seen.RUNNING, Seen.BUILDING):
        running = server.seen is Seen.RUNNING
        return _turned(there, _M.ACTIVE if running else _M.BUILDING, "")
    return _turned(there, _M.BROKEN, server.reason or f"it is {server.seen}")


def _turned(member: Member, status: MemberStatus, reason: str) -> Member:
    """Return the member in that status, by way of BUILDING where it has to come from there."""
    if status is _M.BUILDING and member.status in (_M.ACTIVE, _M.BROKEN):
        return replace(member, reason=reason)
    if member.status is _M.PLANNED and status is not _M.PLANNED:
        member = member.turned(_M.BUILDING)
    return member.turned(status, reason)


def _going(vcluster: VCluster, sight: Sight, now: datetime) -> Course:
    left = tuple(each.turned(_M.LEAVING) for each in vcluster.members)
    known = written(vcluster, replace(vcluster, members=left), now)
    keep = vcluster.keep_volumes and vcluster.status is _S.DELETING
    steps = tuple(removals(left, sight, keep=keep))
    if steps:
        waits = any(isinstance(each, RemoveServer) for each in steps)
        return Course(vcluster=known, steps=steps, waits=waits)
    if vcluster.status is _S.DELETING:
        return Course(vcluster=known, gone=True)
    return Course(vcluster=written(vcluster, known.turned(_S.ERROR, known.reason), now))


def removals(members: Sequence[Member], sight: Sight, *, keep: bool = False) -> Iterator[VStep]:
    """Yield what of these can go now: servers, and once none is left, their volumes."""
    servers = [each for each in members if each.id in sight.servers]
    if servers:
        yield from (RemoveServer(member=m.name, ref=sight.servers[m.id].ref) for m in servers)
        return
    for each in members:
        volume = sight.volumes.get(each.id)
        if volume and volume.server_ref:
            yield Detach(member=each.name, volume_id=each.id)
        elif volume and not keep:
            yield RemoveVolume(member=each.name, volume_id=each.id)


def written(before: VCluster, after: VCluster, now: datetime) -> VCluster:
    """Return what is to be written: stamped, where anything has changed."""
    return after if after == before else replace(after, updated_at=now)
