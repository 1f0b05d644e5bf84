"""A project of a real OpenStack as a bed: two installations side by side in it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio

from contracts.clouds import Bed, config
from muster.base.clock import SystemClock
from muster.drivers.openstack.cloud import open_cloud
from muster.drivers.openstack.options import parsed
from muster.drivers.openstack.rest import Call, Rest
from muster.ports.cloud import Cloud

ENTRIES: Mapping[str, str] = {"openstack": "demo", "openstack-admin": "admin"}
QUICK = {"look_every_s": 1.0, "port_grace_s": 2.0, "deadline_s": 90.0}  # on a busy machine
FLAVOR: Mapping[str, Any] = {"name": "contracts.tiny", "vcpus": 1, "ram": 128, "disk": 1}
HUGE: Mapping[str, Any] = {
    "name": "contracts.huge",
    "vcpus": 9000,
    "ram": 128,
    "disk": 1,
}  # beyond any quota
DISK = b"muster" * 10_000
IMAGES: Mapping[str, str] = {"demo-web": "1", "demo-web-v2": "2", "plain": ""}


@asynccontextmanager
async def openstack(file: Path, entry: str, home: Path) -> AsyncIterator[Bed]:
    """Two installations in the project of an entry; nothing of theirs outlives the test."""
    options = {"clouds_file": str(file), "entry": entry, "network": network_of(entry)}
    await furnished(file, entry)
    cloud = await open_cloud(config(home, SystemClock(), options | QUICK))
    stranger = await open_cloud(config(home, SystemClock(), options | QUICK))
    images = {image.name: image.id for image in await cloud.images.list_images()}
    yield Bed(
        cloud=cloud,
        stranger=stranger,
        pause=anyio.sleep,
        image=images["demo-web"],
        deadline_s=240.0,
        step_s=0.3,
        furnish=_furnish,
        answers=False,
    )
    for each in (cloud, stranger):
        await _clear(each)
        await each.close()


async def furnished(file: Path, entry: str) -> None:
    """Have there be what a project needs before anything can be made in it."""
    admin, own = a_rest(file, "admin"), a_rest(file, entry)
    try:
        flavors = await admin.listed("compute", "/flavors/detail", "flavors")
        for flavor in (FLAVOR, HUGE):
            if flavor["name"] not in {each["name"] for each in flavors}:
                await admin.post("compute", "/flavors", {"flavor": flavor})
        images = await admin.listed("image", "/images", "images", limit=500)
        for name, version in IMAGES.items():
            if name not in {each["name"] for each in images}:
                await _image(admin, name, version)
        networks = await own.listed("network", "/networks", "networks", name=network_of(entry))
        if not networks:
            await _network(own, network_of(entry))
    finally:
        await admin.close()
        await own.close()


def network_of(entry: str) -> str:
    return f"contracts-{entry}"


def a_rest(file: Path, entry: str) -> Rest:
    return Rest(parsed({"clouds_file": str(file), "entry": entry, "deadline_s": 90.0}))


async def _image(admin: Rest, name: str, version: str) -> None:
    told = {"muster_version": version, "muster_port": "8080", "muster_health_path": "/health"}
    told = told if version else {}  # without, nothing is said to listen in its servers
    kind = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
    made = await admin.post("image", "/images", {"name": name, **kind, **told})
    call = Call(
        service="image",
        method="PUT",
        path=f"/images/{made['id']}/file",
        content=BytesIO(DISK),
        headers={"Content-Type": "application/octet-stream"},
    )
    await admin.answer(call)


async def _network(own: Rest, name: str) -> None:
    made = (await own.post("network", "/networks", {"network": {"name": name}}))["network"]
    subnet = {"network_id": made["id"], "ip_version": 4, "cidr": "10.31.0.0/22"}
    await own.post("network", "/subnets", {"subnet": subnet})


def _furnish(folder: Path) -> None:
    (folder / "disk.raw").write_bytes(DISK)


async def _clear(cloud: Cloud) -> None:
    for server in await cloud.compute.list_servers():
        await cloud.compute.delete_server(server.ref)
    for image in await cloud.images.list_images():
        if image.project:
            await cloud.images.delete_image(image.id)
    for _ in range(600):
        if not await cloud.compute.list_servers():
            return
        await anyio.sleep(0.3)
    raise AssertionError("servers are left")
