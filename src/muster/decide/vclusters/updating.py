"""The next thing to be done for an update of a virtual cluster, and how it is taken back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from muster.decide.vclusters.course import (
    WHOLE,
    Course,
    Sight,
    as_seen,
    begun,
    course,
    makings,
    removals,
    written,
)
from muster.model.observed import Seen, Server
from muster.model.vcluster import (
    Member,
    MemberStatus,
    Update,
    VCluster,
    VClusterStatus,
)
from muster.model.vcluster_step import Detach, MoveServer, MoveVolume, StartServer, VStep

_S = VClusterStatus
_M = MemberStatus


def next_course(vcluster: VCluster, sight: Sight, now: datetime) -> Course:
    """Return what comes next, whatever the vcluster is at."""
    if vcluster.status is _S.UPDATING and vcluster.update:
        return _updating(vcluster, vcluster.update, sight, now)
    return course(vcluster, sight, now)


def taken_back(vcluster: VCluster, why: str) -> VCluster:
    """Return the vcluster on its way to what it was. See Note [An update and its way back]."""
    update = vcluster.update
    if update is None:
        return vcluster
    members = tuple(
        _freed_of(replace(each, host=update.moved.get(each.name, each.host)), update.new)
        for each in vcluster.members
    )
    back = Update(
        groupings=vcluster.groupings,
        going=update.new,
        moved={each.name: each.host for each in vcluster.members if each.name in update.moved},
        failed=why,
    )
    reason = f"the update is taken back: {why}"
    changed = replace(vcluster, members=members, groupings=update.groupings, update=back, tries=0)
    return replace(changed, shunned=(), reason=reason)


def _freed_of(member: Member, going: Sequence[str]) -> Member:
    """Return a member as nobody's who goes, unless it goes with him."""
    volume = member.volume
    if volume is None or volume.attach_to not in going or member.name in going:
        return member
    return replace(member, volume=replace(volume, attach_to=""))


def _updating(vcluster: VCluster, update: Update, sight: Sight, now: datetime) -> Course:
    known = as_seen(vcluster, sight)
    broken = [m for m in known.members if m.name in update.new and m.status is _M.BROKEN]
    if any(each.status is _M.LEAVING for each in known.members):
        return _leaving(vcluster, update, sight, now)
    if broken:
        why = f"{broken[0].name} cannot be made: {broken[0].reason}"
        return Course(vcluster=written(vcluster, taken_back(known, why), now))
    there = sight.volumes.keys() | sight.servers.keys()
    staying = [each for each in known.staying if each.id in there or each.name in update.new]
    for steps in (tuple(_moves(staying, update, sight)), tuple(makings(known, staying, sight))):
        if steps:
            return Course(vcluster=written(vcluster, begun(known, steps), now), steps=steps)
    if not all(_settled(each, known, sight) for each in staying):
        return Course(vcluster=written(vcluster, known, now), waits=True)
    return _leaving(vcluster, update, sight, now)


def _leaving(vcluster: VCluster, update: Update, sight: Sight, now: datetime) -> Course:
    """Return what takes away who is to go. From its first step on there is no way back.

    So nothing else is done any more: what has become of those that stay is only told at the end.
    """
    known = as_seen(vcluster, sight)
    going = [each for each in known.members if each.name in update.going]
    steps = tuple(_freed(known.staying, going, sight)) or tuple(removals(going, sight))
    if steps:
        left = tuple(m.turned(_M.LEAVING) if m in going else m for m in known.members)
        after = written(vcluster, replace(known, members=left), now)
        return Course(vcluster=after, steps=steps, waits=True)
    return Course(vcluster=written(vcluster, _done(known, update), now))


def _done(vcluster: VCluster, update: Update) -> VCluster:
    broken = [each for each in vcluster.staying if each.status is _M.BROKEN]
    reason = f"the update was taken back: {update.failed}" if update.failed else WHOLE
    reason = f"{broken[0].name}: {broken[0].reason}" if broken else reason
    ended = vcluster.turned(_S.WARNING if broken else _S.ACTIVE, reason)
    return replace(ended, members=vcluster.staying, update=None, tries=0, shunned=())


def _moves(staying: Sequence[Member], update: Update, sight: Sight) -> Iterator[VStep]:
    """Yield what brings those to their hosts that are to move.

    A server goes without its volumes, which follow it: attaching brings them along.
    """
    for each in staying:
        server, volume = sight.servers.get(each.id), sight.volumes.get(each.id)
        if each.name not in update.moved:
            continue
        if server and server.host != each.host:
            held = list(_held(staying, server, sight))
            yield from held or [MoveServer(member=each.name, ref=server.ref, host=each.host)]
        elif server and server.seen is Seen.STOPPED:
            yield StartServer(member=each.name, ref=server.ref)
        elif volume and volume.host != each.host and not _follows(each):
            yield MoveVolume(member=each.name, volume_id=each.id, host=each.host)


def _follows(member: Member) -> bool:
    return bool(member.volume and member.volume.attach_to)


def _freed(staying: Sequence[Member], going: Sequence[Member], sight: Sight) -> Iterator[VStep]:
    """Yield what takes volumes that stay from servers that go."""
    for each in going:
        if server := sight.servers.get(each.id):
            yield from _held(staying, server, sight)


def _held(members: Sequence[Member], server: Server, sight: Sight) -> Iterator[VStep]:
    for each in members:
        volume = sight.volumes.get(each.id)
        if volume and volume.server_ref == server.ref:
            yield Detach(member=each.name, volume_id=each.id)


def _settled(member: Member, vcluster: VCluster, sight: Sight) -> bool:
    """Whether nothing more is to be waited for; of one that is broken nothing is."""
    server, volume = sight.servers.get(member.id), sight.volumes.get(member.id)
    if server:
        return member.status is _M.BROKEN or server.seen is Seen.RUNNING
    if not (volume and member.volume and member.volume.attach_to):
        return bool(volume) or member.status is _M.BROKEN
    user = next((m for m in vcluster.members if m.name == member.volume.attach_to), None)
    return bool(volume.server_ref) or user is None or user.status is _M.BROKEN
