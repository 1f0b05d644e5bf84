"""A local cloud of a test's own: opened, ordered from, and cleared of every process after."""

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio

import builders
from muster.base.clock import SystemClock
from muster.drivers.local import processes
from muster.drivers.local.cloud import open_cloud
from muster.model.observed import Server
from muster.model.profile import ServerSpec
from muster.model.step import ServerOrder
from muster.ports.cloud import Cloud, CloudConfig

INSTALLATION = UUID(int=77)
CLUSTER = UUID(int=78)
PYTHON = f'"{sys.executable}", "-I", "-S", "-u"'


def config(home: Path, **options: Any) -> CloudConfig:
    return CloudConfig(
        name="local",
        home=home,
        installation=INSTALLATION,
        clock=SystemClock(),
        options={"cgroup": "off", **options},
    )


@asynccontextmanager
async def opened(home: Path, **options: Any) -> AsyncIterator[Cloud]:
    cloud = await open_cloud(config(home, **options))
    try:
        yield cloud
    finally:
        await cloud.close()


def an_order(image: str, **but: Any) -> ServerOrder:
    spec = {"image": image, "image_name": "tested", "flavor": builders.TINY, "port": 8123}
    return ServerOrder(
        server_id=but.pop("server_id", None) or uuid4(),
        node_id=uuid4(),
        cluster_id=CLUSTER,
        project="demo",
        name="web-001",
        index=1,
        spec=ServerSpec(**spec | but),
    )


async def demo(cloud: Cloud, name: str = "demo-web") -> str:
    [found] = [image.id for image in await cloud.images.list_images() if image.name == name]
    return found


def write_program(folder: Path, text: str, manifest: str = "") -> None:
    folder.mkdir()
    (folder / "main.py").write_text(text)
    (folder / "muster-image.toml").write_text(
        f'name = "program"\ncommand = [{PYTHON}, "{{image}}/main.py"]\n{manifest}'
    )


async def program(cloud: Cloud, folder: Path, text: str, manifest: str = "") -> str:
    """Return the id of an image that runs `text` as a Python program."""
    write_program(folder, text, manifest)
    return (await cloud.images.import_image(uuid4(), "program", "demo", folder)).id


async def the(cloud: Cloud, order: ServerOrder) -> Server:
    [found] = [s for s in await cloud.compute.list_servers() if s.server_id == order.server_id]
    return found


async def until(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the first true answer of `holds`, awaited if need be."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = holds()
        if hasattr(answer, "__await__"):
            answer = await answer
        if answer:
            return answer
        await anyio.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s: {holds.__qualname__}")


def pids(order: ServerOrder) -> list[int]:
    return [each.pid for each in processes.members(str(order.server_id), None)]


@contextmanager
def cleared(home: Path) -> Iterator[Path]:
    """Kill, at the end, whatever runs out of this home."""
    try:
        yield home
    finally:
        for each in processes.everything():
            with suppress(OSError):
                environ = Path(f"/proc/{each.pid}/environ").read_bytes().split(b"\0")
                if any(word.startswith(f"HOME={home}/".encode()) for word in environ):
                    os.kill(each.pid, 9)
