"""What a member of a cluster holds that is somebody's, by what the cluster's database knows."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from muster.decide.server_clusters.making import VOLUMES, addresses
from muster.engine.server_jobs.scene import Scene, as_object
from muster.ports.agent import Line, Order

_EVERYWHERE = "recursion=1&all-projects=true"
_SHOWN = 5
NAMESAKE = "the cluster has another member of its name"


async def held(scene: Scene, line: Line, member: str) -> str:
    """Return what a member still has of somebody, "" for nothing. `line` is whom to ask.

    The member itself need not answer: whoever does knows what is on it.
    """
    said = await scene.agents.call(line, Order(path=f"/1.0/instances?{_EVERYWHERE}"))
    instances = [str(as_object(each)["name"]) for each in said or () if _is_on(each, member)]
    if instances:
        return f"instances: {', '.join(instances[:_SHOWN])}"
    volumes = [name async for name in _volumes(scene, line, member)]
    return f"volumes: {', '.join(volumes[:_SHOWN])}" if volumes else ""


# Note [Whose name is it]
# A try to join that broke off leaves a member that nobody is: of the name and at the address of
# who joins, absent, and with nothing on it. That one is struck out by the way. Any other may be a
# server that is away for a while, and striking it out would take what is on it from the database
# for good. That is done only for who says that it is lost.
async def anothers(scene: Scene, leader: Line, there: Mapping[str, Any]) -> str:
    """Return why a member of its server's name may be somebody else's, "" where it is none's.

    See Note [Whose name is it].
    """
    name = scene.machine.name
    cure = (
        "where that is lost for good, strike it out first (on another member: "
        f"incus cluster remove --force {name}), or register this server by another name"
    )
    at = str(there.get("url") or "").removeprefix("https://")
    if at != addresses(scene.machine)["cluster.https_address"]:
        return f"{NAMESAKE}, at {at}: {cure}"
    if left := await held(scene, leader, name):
        return f"{NAMESAKE}, which has {left}: {cure}"
    return ""


def _is_on(said: Any, member: str) -> bool:
    return as_object(said).get("location") == member


async def _volumes(scene: Scene, line: Line, member: str) -> AsyncIterator[str]:
    """Yield the volumes of somebody on a member."""
    pools = await scene.agents.call(line, Order(path="/1.0/storage-pools"))
    for pool in pools or ():
        order = Order(path=f"{pool}/volumes/custom?{_EVERYWHERE}")
        for each in await scene.agents.call(line, order) or ():
            said = as_object(each)
            if _is_on(said, member) and said.get("name") not in VOLUMES:
                yield str(said.get("name"))
