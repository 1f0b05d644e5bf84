"""The hosts of clouds, and what nobody uses on them."""

from dataclasses import dataclass

from muster.base.errors import DriverError
from muster.decide.server_clusters.lanes import closed
from muster.model.reservation import Room, without
from muster.ports.store import Query
from muster.service.desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRoom:
    """What a cloud tells of its hosts; without room, `reason` says why it tells nothing."""

    cloud: str
    room: Room | None = None
    reason: str = ""


async def standing(desk: Desk, name: str) -> tuple[CloudRoom, ...]:
    """Return the room of one cloud, or of all of them where `name` is "".

    A host that is left, or about to be, takes nobody in. A cloud that does not answer is told
    with its reason, so that one does not hide the others.
    """
    names = [each for each in desk.clouds if not name or each == name]
    return tuple([await _room(desk, each) for each in names])


async def _room(desk: Desk, name: str) -> CloudRoom:
    hosts = desk.clouds[name].hosts
    if hosts is None:
        return CloudRoom(cloud=name, reason="it does not tell what its hosts have free")
    mine = Query(where={"name": (name,)})
    servers = await desk.store.read(lambda tx: tx.server_clusters.find(mine))
    try:
        return CloudRoom(cloud=name, room=without(await hosts.room(), closed(servers)))
    except DriverError as error:
        return CloudRoom(cloud=name, reason=error.text)
