"""A name server that is away: clusters are healed all the same, and names follow later."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

import builders
from engine.world import Scene, a_scene
from muster.base.errors import Transient
from muster.model.observed import Record
from muster.ports.dns import Dns

NAME = "web.example.test"


@dataclass
class Switched:
    """Names of another, who can be away."""

    names: Dns
    away: bool = False

    def _there(self) -> Dns:
        if self.away:
            raise Transient("the name server does not answer within 5 s")
        return self.names

    async def list_records(self) -> Sequence[Record]:
        return await self._there().list_records()

    async def record(self, name: str) -> Record | None:
        return await self._there().record(name)

    async def put_record(self, name: str, address: str, owner: UUID) -> None:
        await self._there().put_record(name, address, owner)

    async def drop_record(self, name: str, owner: UUID) -> None:
        await self._there().drop_record(name, owner)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with a_scene() as made:
        yield made


@pytest.fixture
def names(scene: Scene) -> Switched:
    assert scene.cloud.dns
    names = Switched(scene.cloud.dns)
    scene.engines["one"] = scene.engine_on(replace(scene.cloud, dns=names))
    return names


def serving() -> dict[str, object]:
    return {"service": builders.a_service(dns_name=NAME)}


async def test_a_cluster_is_healed_while_nobody_knows_its_name(
    scene: Scene, names: Switched
) -> None:
    id = await scene.create(2, **serving())
    await scene.with_ticks(10)
    assert await names.record(NAME)
    names.away = True
    [first, *_] = await scene.servers()
    scene.world.break_server(first.ref)
    await scene.with_ticks(30)
    there = {server.server_id for server in await scene.servers()}
    assert len(there) == 2
    assert first.server_id not in there
    assert await scene.exists(id)


@pytest.mark.slow
async def test_a_name_is_published_when_the_server_is_back(scene: Scene, names: Switched) -> None:
    names.away = True
    id = await scene.create(1, **serving())
    await scene.with_ticks(10)
    assert len(await scene.servers()) == 1
    names.away = False
    await scene.with_ticks(90)
    found = await names.record(NAME)
    assert found
    assert found.owner == id


async def test_a_cluster_does_not_go_before_its_name(scene: Scene, names: Switched) -> None:
    id = await scene.create(1, **serving())
    await scene.with_ticks(10)
    names.away = True
    await scene.delete(id)
    await scene.with_ticks(10)
    assert await scene.exists(id)
    names.away = False
    await scene.with_ticks(90)
    assert not await scene.exists(id)
    assert await names.record(NAME) is None
