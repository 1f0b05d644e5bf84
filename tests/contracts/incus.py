"""Real Incus members as a bed: alone by their socket, in a cluster by HTTPS."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio

from contracts.clouds import Bed, config
from muster.base.clock import SystemClock
from muster.drivers.incus.cloud import open_cloud
from muster.ports.cloud import Cloud
from testbed.incus.bed import settings
from testbed.incus.fabric import entered
from testbed.incus.place import Place

MEMBERS: Mapping[str, int] = {"incus-alone": 1, "incus-cluster": 3}
QUICK = {"sample_every_s": 1.0, "look_every_s": 1.0}


@asynccontextmanager
async def incus(place: Place, home: Path) -> AsyncIterator[Bed]:
    """Two installations on the same members; nothing of theirs outlives the test."""
    alone = len(place.members()) == 1
    options = {"url": f"unix:{place.socket('m1')}"} if alone else settings(place)
    with entered(place):
        cloud = await open_cloud(config(home, SystemClock(), options | QUICK))
        stranger = await open_cloud(config(home, SystemClock(), options | QUICK))
        images = {image.name: image.id for image in await cloud.images.list_images()}
        made = Bed(
            cloud=cloud,
            stranger=stranger,
            pause=anyio.sleep,
            image=images["demo-web"],
            deadline_s=120.0,
            furnish=_furnish,
        )
        yield made
        for each in (cloud, stranger):
            await made.until(partial(_cleared, each))
            await each.close()


def _furnish(folder: Path) -> None:
    (folder / "rootfs" / "etc").mkdir(parents=True)
    (folder / "rootfs" / "etc" / "motd").write_text("hello\n")


async def _cleared(cloud: Cloud) -> bool:
    for server in await cloud.compute.list_servers():
        await cloud.compute.delete_server(server.ref)
    for image in await cloud.images.list_images():
        if image.project:
            await cloud.images.delete_image(image.id)
    return True
