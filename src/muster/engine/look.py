"""Looking: every server of a cloud in one listing, and what in it nobody expected."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from muster.base.errors import DriverError
from muster.base.log import log
from muster.decide.strays import left_behind_id
from muster.engine.gauges import STRAYS
from muster.engine.site import Reach, Site
from muster.engine.subjects import behind, moved, on_cloud
from muster.model.event import About, Event, Level
from muster.model.observed import Seen, Server
from muster.ports.store import Query, Transaction


async def look(site: Site, reach: Reach) -> None:
    """Mark the clusters whose servers are not as they were; report and remove strays."""
    first = not reach.lookout.looked
    try:
        changed, found = await reach.lookout.look(site.clock.now())
    except DriverError as error:
        await _turned(site, reach, error.text)
        return
    await _turned(site, reach, "")
    strays = await site.store.read(lambda tx: _nobodys(tx, found))
    if first:  # what happened while nobody looked shows in no comparison
        name = reach.cloud.about.name
        await site.store.write(lambda tx: tx.marks.mark(*on_cloud(tx, name)))
    elif changed:
        await site.store.write(lambda tx: tx.marks.mark(*behind(tx, changed)))
    await _deal_with(site, reach, strays)


def _nobodys(tx: Transaction, found: Mapping[UUID, Sequence[Server]]) -> list[Server]:
    """Return the servers that neither a cluster nor a node has, at no cost where all are had."""
    ids = tuple(found)
    if not ids or tx.clusters.count(Query(where={"id": ids})) == len(ids):
        return []
    named = Query(where={"id": ids})
    missing = set(ids)
    for rows in (tx.clusters, tx.solos):
        missing -= {each.id for each in rows.find(named)}
    missing -= {each.id for each in tx.vclusters.find(named)}
    if not missing:
        return []
    had = {node.server_id for node in moved(tx, missing)}
    listed = [server for tag in sorted(missing) for server in found[tag]]
    return [server for server in listed if server.server_id not in had]


async def _turned(site: Site, reach: Reach, trouble: str) -> None:
    """Tell once when a cloud stops answering, and once when it is back."""
    if bool(trouble) == bool(reach.trouble):
        return
    reach.trouble = trouble
    name, now = reach.cloud.about.name, site.clock.now()
    event = Event(
        id=uuid5(UUID(int=0), f"{name}/{now.isoformat()}/{trouble}"),
        at=now,
        kind="cloud.unreachable" if trouble else "cloud.back",
        level=Level.ERROR if trouble else Level.INFO,
        otype=About.CLOUD,
        oid=uuid5(UUID(int=0), name),
        oname=name,
        project="",
        reason=trouble or "the cloud answers again",
    )
    await site.store.write(lambda tx: tx.events.append(event))


# Note [Strays of no cluster]
# A create may land after its cluster was struck out. Its server carries our tag and no
# cluster has it. It is reported at the second look that shows it, since the first may
# have been listed before the cluster went. From then on it has the cloud's grace time:
# a database put back from an old backup makes every newer server look like this, and
# that must not delete them all before somebody has read the event. What was let go with a dead
# host (Note [Remains]) goes at once when that is back; before, nothing can be told to go.
async def _deal_with(site: Site, reach: Reach, strays: Sequence[Server]) -> None:
    """Report strays, and remove those whose time is over. See Note [Strays of no cluster]."""
    STRAYS.labels(reach.cloud.about.name).set(len(strays))
    again = [
        server
        for server in strays
        if server.server_id in reach.suspects and server.seen is not Seen.UNREACHABLE
    ]
    reach.suspects = frozenset(server.server_id for server in strays)
    if not again:
        return
    now, grace = site.clock.now(), site.pace.grace(reach.cloud.about)
    due = await site.store.write(lambda tx: _reported(tx, again, now, grace))
    for server in again:
        if now >= due[server.server_id]:
            await _remove(site, reach, server)


def _reported(
    tx: Transaction, strays: Iterable[Server], now: datetime, grace: timedelta
) -> dict[UUID, datetime]:
    """Return from when on each may go; that it is a stray is told once, by the event of it."""
    due = {}
    for server in strays:
        if tx.events.get(left_behind_id(server)):
            due[server.server_id] = now
            continue
        id = uuid5(server.server_id, "stray")
        known = tx.events.get(id)
        if known is None:
            reason = "it carries our tag, and no cluster has it"
            tx.events.append(_event(server, id, now, "server.stray", reason))
        due[server.server_id] = (known.at if known else now) + grace
    return due


async def _remove(site: Site, reach: Reach, server: Server) -> None:
    try:
        await reach.cloud.compute.delete_server(server.ref)
    except DriverError as error:
        log(server=server.ref).warning("stray.stays", reason=error.text)
        return
    now = site.clock.now()
    id = uuid5(server.server_id, f"stray/removed/{now.isoformat()}")
    event = _event(server, id, now, "server.stray_removed", "nobody claimed it")
    await site.store.write(lambda tx: tx.events.append(event))


def _event(server: Server, id: UUID, now: datetime, kind: str, reason: str) -> Event:
    return Event(
        id=id,
        at=now,
        kind=kind,
        level=Level.WARN,
        otype=About.NODE,
        oid=server.node_id,
        oname=server.name,
        cluster_id=server.cluster_id,
        project=server.project,
        reason=reason,
        data={"ref": server.ref, "server_id": str(server.server_id)},
    )
