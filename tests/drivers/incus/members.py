"""A cloud over real members, and what can be done to them."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import anyio

import builders
from muster.base.clock import SystemClock
from muster.base.errors import Transient
from muster.drivers.incus.cloud import open_cloud
from muster.model.observed import Seen, Server
from muster.model.profile import ServerSpec
from muster.model.step import ServerOrder
from muster.ports.cloud import Cloud, CloudConfig
from testbed.incus import machine, rest
from testbed.incus.bed import settings
from testbed.incus.fabric import entered
from testbed.incus.place import Place


@dataclass(frozen=True, kw_only=True)
class Site:
    place: Place
    cloud: Cloud
    image: str
    installation: UUID
    cluster: UUID = field(default_factory=uuid4)

    def order(self, index: int = 1, **but: Any) -> ServerOrder:
        spec = {"image": self.image, "image_name": "demo-web", "flavor": builders.TINY}
        plain: dict[str, Any] = {
            "server_id": uuid4(),
            "node_id": uuid4(),
            "cluster_id": self.cluster,
            "project": "demo",
            "name": f"web-{index:03}",
            "index": index,
            "spec": ServerSpec(**spec | but.pop("spec", {})),
        }
        return ServerOrder(**plain | but)

    async def running(self, *orders: ServerOrder) -> list[Server]:
        """Create the servers and wait until all of them run."""
        for order in orders:
            await until(partial(self._taken, order), 120)
        ids = {order.server_id for order in orders}

        async def run() -> bool:
            return ids <= {id for id, seen in (await self.seen()).items() if seen is Seen.RUNNING}

        await until(run, 120)
        shown = {each.server_id: each for each in await self.cloud.compute.list_servers()}
        return [shown[order.server_id] for order in orders]

    async def _taken(self, order: ServerOrder) -> bool:
        return bool(await self.cloud.compute.create_server(order))

    async def seen(self) -> dict[UUID, Seen]:
        return {x.server_id: x.seen for x in await self.cloud.compute.list_servers(self.cluster)}

    async def becomes(self, server: Server, wanted: Seen, deadline_s: float = 120) -> None:
        async def so() -> bool:
            return (await self.seen()).get(server.server_id) is wanted

        await until(so, deadline_s)

    async def whole(self) -> None:
        """Wait until every member is back and takes what it is given."""

        async def so() -> bool:
            try:
                for member in self.place.members():
                    listed = self.asked("/1.0/cluster/members?recursion=1", member)
                    if any(each["status"] != "Online" for each in listed):
                        return False
                    self.asked("/1.0/instances?recursion=1", member)
                instances = self.asked("/1.0/instances?recursion=1")
                if any(each["status"] == "Error" for each in instances):
                    return False
            except (OSError, RuntimeError, HTTPException):
                return False
            return True

        await until(so, 180)

    def asked(self, where: str, member: str = "m1") -> Any:
        return rest.call(self.place.socket(member), "GET", where)


async def until(claim: Any, deadline_s: float = 60) -> None:
    """Wait until the claim holds; what cannot be said for now is asked again, as by the engine."""
    end, why = monotonic() + deadline_s, ""
    while True:
        try:
            if await claim():
                return
        except Transient as error:  # the members agree on who leads them now, say
            why = f" ({error})"
        assert monotonic() < end, f"not within {deadline_s} s: {claim}{why}"
        await anyio.sleep(0.1)


@asynccontextmanager
async def opened(
    place: Place, home: Path, installation: UUID | None = None, **options: Any
) -> AsyncIterator[Site]:
    """Yield a cloud whose servers do not outlive it, unless another has the same installation."""
    ours = installation or uuid4()
    said = CloudConfig(
        name="site",
        home=home,
        installation=ours,
        clock=SystemClock(),
        options=settings(place) | options,
    )
    with entered(place):
        cloud = await open_cloud(said)
        images = {each.name: each.id for each in await cloud.images.list_images()}
        yield Site(place=place, cloud=cloud, image=images["demo-web"], installation=ours)
        if installation is None:
            await until(lambda: _cleared(cloud), 120)
        await cloud.close()


async def _cleared(cloud: Cloud) -> bool:
    """Delete what is left, and return whether nothing is."""
    for server in await cloud.compute.list_servers():
        await cloud.compute.delete_server(server.ref)
    return not await cloud.compute.list_servers()


def kill(place: Place, member: str, pid: int) -> None:
    """Kill the process that a member knows as `pid`; it has ended when this returns."""
    there = _inner(machine.first_process(place, member), pid)
    os.kill(there, signal.SIGKILL)
    machine.await_end(there)


def _inner(first: int | None, pid: int) -> int:
    """Return the pid, as we see it, of the process that a member knows as `pid`."""
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            try:
                with open(f"/proc/{folder}/status") as file:
                    lines = dict(line.split(":", 1) for line in file if ":" in line)
            except OSError:
                continue
            numbers = lines.get("NSpid", "").split()
            if len(numbers) > 2 and numbers[1] == str(pid) and _same_space(first, folder):
                return int(folder)
    raise AssertionError(f"nobody is {pid} there")


def _same_space(first: int | None, pid: str) -> bool:
    """Whether the process is somewhere below the member's first process."""
    current = int(pid)
    while current > 1:
        if current == first:
            return True
        try:
            with open(f"/proc/{current}/stat") as file:
                current = int(file.read().rpartition(")")[2].split()[1])
        except OSError:  # somebody else's, who has just ended
            return False
    return False
