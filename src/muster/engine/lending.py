"""Lending: a volume goes to the next server of the node that it was given to."""

from collections.abc import Iterator, Sequence
from uuid import uuid5

from muster.base.errors import DriverError, Permanent
from muster.base.log import log
from muster.engine.site import Reach, Site
from muster.model.event import About, Event, Level
from muster.model.node import Node
from muster.model.volume import Volume, elsewhere
from muster.ports.store import Query, Transaction
from muster.ports.volumes import Volumes


async def lend(site: Site, reach: Reach) -> None:
    """Attach what lies where its node's present server is; tell of what does not.

    See Note [Followers].
    """
    volumes = reach.cloud.volumes
    if volumes is None:
        return
    try:
        given = [each for each in await volumes.list_volumes() if each.node_id]
    except DriverError as error:
        log(cloud=reach.cloud.about.name).info("lending.unknown", reason=error.text)
        return
    if not given:
        return
    nodes = await site.store.read(lambda tx: _nodes(tx, given))
    for volume, node in _bereft(given, nodes):
        await _attach(site, volumes, volume, node)


def _nodes(tx: Transaction, volumes: Sequence[Volume]) -> list[Node]:
    ids = tuple(sorted({each.node_id for each in volumes if each.node_id}))
    return tx.nodes.find(Query(where={"id": ids}))


def _bereft(volumes: Sequence[Volume], nodes: Sequence[Node]) -> Iterator[tuple[Volume, Node]]:
    """Yield each volume whose node has a server in service that has not got it."""
    there = {node.id: node for node in nodes if node.ref and node.host and not node.leaving}
    for volume in volumes:
        node = there.get(volume.node_id) if volume.node_id else None
        if node and volume.server_ref != node.ref:
            yield volume, node


async def _attach(site: Site, volumes: Volumes, volume: Volume, node: Node) -> None:
    if why := elsewhere(volume, node.name, node.host):
        await _tell(site, volume, node, "volume.left", why)
        return
    if volume.server_ref:
        return  # the former server is still there, and on its way out
    try:
        await volumes.attach_volume(volume.id, node.ref)
    except Permanent as error:
        await _tell(site, volume, node, "volume.left", error.text)
    except DriverError as error:  # the next look tries again
        log(volume=volume.name).info("lending.waits", reason=error.text)
    else:
        said = f"{node.name} has volume {volume.name} again, on its next server"
        await _tell(site, volume, node, "volume.followed", said)


async def _tell(site: Site, volume: Volume, node: Node, kind: str, reason: str) -> None:
    """Tell it once for each server that the node gets."""
    id = uuid5(volume.id, f"{kind}/{node.server_id}")
    if await site.store.read(lambda tx: tx.events.get(id)):
        return
    event = Event(
        id=id,
        at=site.clock.now(),
        kind=kind,
        level=Level.WARN if kind == "volume.left" else Level.INFO,
        otype=About.NODE,
        oid=node.id,
        oname=node.name,
        cluster_id=node.cluster_id,
        project=node.project,
        reason=reason,
        data={"volume": volume.name, "volume_id": str(volume.id)},
    )
    await site.store.write(lambda tx: tx.events.append(event))
