"""Another place for what its host has refused, or the end of the whole vcluster."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from muster.base.errors import Stale, Transient
from muster.decide.vclusters.claims import (
    arrivals,
    arriving,
    claims_of,
    in_force,
    left,
    overdrawn,
)
from muster.decide.vclusters.course import COMING
from muster.decide.vclusters.problem import item_of, placed, problem_of
from muster.decide.vclusters.telling import told
from muster.decide.vclusters.updating import taken_back
from muster.engine.cordon import cordon
from muster.engine.gauges import VCLUSTERS
from muster.engine.site import Site
from muster.model.placing import Placed, with_own
from muster.model.reservation import Reservation, Room, without
from muster.model.vcluster import Member, MemberStatus, VCluster, VClusterStatus
from muster.ports.store import Claim, Query, Transaction

TRIES = 5  # of what no other host can have either


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    member: str
    reason: str
    final: bool  # the same will never be done


# Note [Refused by its host]
# Others use the cloud as well, so a host may be full that had room when it was claimed. Then the
# vcluster is placed once more, with what the hosts have now, those that refused closed to it,
# and what is already made where it is. Where that has no answer, and nobody can use any of it yet,
# what is made may be elsewhere too: it goes, and is made again there. Where that has no answer
# either, the same is tried a few times, for a cloud may be busy and nothing else; then all that
# was made goes again. Where its former host keeps what is to go, no other host is to blame: that
# is tried a few times, too.
async def placed_again(
    site: Site, claim: Claim, vcluster: VCluster, refusals: Sequence[Refusal]
) -> None:
    """Record other hosts for what was refused, or that it goes. See Note [Refused by its host]."""
    first, final = refusals[0], any(each.final for each in refusals)
    shunned = _shunned(vcluster, refusals)
    tried = replace(vcluster, shunned=shunned, tries=vcluster.tries + 1)
    room = await _room(site, vcluster)
    others = in_force(await site.store.read(lambda tx: _others(tx, vcluster)), site.clock.now())
    moving = bool(vcluster.update and vcluster.update.moved)
    found = None if final or moving else await _solved(site, tried, room, others)
    if found is None or found.places == vcluster.places:
        found = replace(tried, shunned=())
        if found.tries >= TRIES or final:
            found = _given_up(found, f"{first.member} cannot be made: {first.reason}")
    now = site.clock.now()
    await site.store.write(lambda tx: _write(tx, claim, found, room, now))
    _count(vcluster, found)


async def tried_again(site: Site, claim: Claim, vcluster: VCluster, refusal: Refusal) -> None:
    """Record one more try of having it leave a former host, or that it goes.

    See Note [Refused by its host].
    """
    found = replace(vcluster, tries=vcluster.tries + 1)
    if found.tries >= TRIES:
        why = f"{refusal.member} cannot leave its former host: {refusal.reason}"
        found = _given_up(found, why)
    now = site.clock.now()
    await site.store.write(lambda tx: _put(tx, claim, found, now))
    _count(vcluster, found)


def _count(before: VCluster, found: VCluster) -> None:
    if found.status is not before.status:
        VCLUSTERS.labels(found.status).inc()


def _given_up(vcluster: VCluster, why: str) -> VCluster:
    """Return the vcluster on its way back. Who cannot even go back stays where he has got to."""
    update = vcluster.update
    if update is None:
        return vcluster.turned(VClusterStatus.ROLLING_BACK, why)
    if not update.failed:
        return taken_back(vcluster, why)
    members = tuple(
        replace(each, host=update.moved.get(each.name, each.host)) for each in vcluster.members
    )
    return replace(vcluster, members=members, update=replace(update, moved={}), tries=0)


def _shunned(vcluster: VCluster, refusals: Sequence[Refusal]) -> tuple[str, ...]:
    refused = {each.member for each in refusals}
    hosts = {each.host for each in vcluster.members if each.name in refused}
    return tuple(sorted({*vcluster.shunned, *hosts}))


async def _room(site: Site, vcluster: VCluster) -> Room:
    hosts = site.clouds[vcluster.cloud].cloud.hosts
    if hosts is None:
        raise Transient(f"cloud {vcluster.cloud} does not tell of its hosts any more")
    there = await hosts.room()
    return without(there, await site.store.read(lambda tx: cordon(tx, vcluster.cloud)))


async def _solved(
    site: Site, vcluster: VCluster, room: Room, others: Sequence[Reservation]
) -> VCluster | None:
    """Return the vcluster on other hosts, None if there is no way that is found in time."""
    if site.solver is None:
        return None
    hosts = tuple(
        replace(host, open=host.open and host.id not in vcluster.shunned)
        for host in left(room, others)
    )
    members = tuple(
        _homeless(each) if each.status in COMING and each.id not in room.counted else each
        for each in vcluster.members
    )
    for moving in (False, True) if vcluster.status is VClusterStatus.CREATING else (False,):
        problem = problem_of(hosts, members, vcluster.groupings, moving=moving)
        answer = await site.solver.solve(problem)
        if isinstance(answer, Placed):
            gone = {move.item for move in answer.moves}
            left_over = tuple(_homeless(each) if each.name in gone else each for each in members)
            return replace(vcluster, members=placed(left_over, room.hosts, answer.places))
    return None


def _homeless(member: Member) -> Member:
    """Return a member that is still to be made, somewhere."""
    back = member if member.status is MemberStatus.PLANNED else member.turned(MemberStatus.PLANNED)
    return replace(back, host="", host_zone="")


def _write(tx: Transaction, claim: Claim, found: VCluster, room: Room, now: datetime) -> None:
    """Write down where it is to be now, and its claims there. Raises `Stale`."""
    there = _put(tx, claim, found, now)
    tx.leases.take("vclusters", str(found.id), now + timedelta(days=1), now)
    mine = claims_of(found, found.init_at)
    made = [each for each in there.members if each.id in room.counted]
    moved = [each for each in made if found.places[each.name] != each.host]
    coming = arriving(found, [each.name for each in moved], found.init_at)
    new = [each for each in mine if each.id not in room.counted]
    hosts = with_own(left(room, in_force(_others(tx, found), now)), list(map(item_of, moved)))
    if found.places != there.places and (short := overdrawn(hosts, (*new, *coming))):
        raise Stale(short[0])
    tx.reservations.put(*mine, *coming, *arrivals(found, found.init_at))


def _put(tx: Transaction, claim: Claim, found: VCluster, now: datetime) -> VCluster:
    """Write it down, and return how it was. Raises `Stale`."""
    tx.marks.check(claim)
    there = tx.vclusters.get(found.id)
    if there is None or there.generation != found.generation:
        raise Stale(f"vcluster {found.name} was changed meanwhile")
    tx.vclusters.put(found)
    tx.events.append(*told(there, found, now))
    return there


def _others(tx: Transaction, vcluster: VCluster) -> list[Reservation]:
    every = tx.reservations.find(Query(where={"cloud": (vcluster.cloud,)}))
    return [each for each in every if each.owner != vcluster.id]
