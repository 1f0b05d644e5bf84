"""Who is there to be asked, and how little is read to know that it is still the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import builders
from engine.world import SIM, Scene, a_scene
from muster.engine.census import Census

SECOND = timedelta(seconds=1)


@dataclass
class Read:
    """The clusters of a transaction; every row that is read of them is counted."""

    inner: Any
    rows: list[Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def find(self, *said: Any) -> list[Any]:
        found = self.inner.find(*said)
        self.rows += found
        return found

    def find_as(self, *said: Any) -> list[Any]:
        found = self.inner.find_as(*said)
        self.rows += found
        return found


@dataclass
class Seen:
    """A transaction with such clusters."""

    inner: Any
    rows: list[Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def clusters(self) -> Read:
        return Read(self.inner.clusters, self.rows)


class Counted:
    """A store that counts the rows of clusters that are read."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.rows: list[Any] = []

    async def read(self, work: Callable[[Any], Any]) -> Any:
        return await self.inner.read(lambda tx: work(Seen(tx, self.rows)))


def made(scene: Scene, number: int, **but: Any):
    """Return a cluster in service that nobody has changed for a while."""
    now = scene.clock.now()
    plain = {"id": UUID(int=number), "name": f"c{number}", "updated_at": now}
    return builders.a_cluster(service=builders.a_service(), **plain | but)


async def counted(scene: Scene, *clusters: Any) -> tuple[Counted, Census]:
    """Return a census that knows these clusters, and its store."""
    await scene.store.write(lambda tx: tx.clusters.put(*clusters))
    store = Counted(scene.store)
    census = Census(store, {})
    for _ in range(2):  # the second look is the first that has something to compare with
        await census.refresh()
    store.rows.clear()
    return store, census


async def test_clusters_made_together_are_not_read_again_while_nothing_changes() -> None:
    async with a_scene() as scene:
        store, census = await counted(scene, *(made(scene, n) for n in range(1, 41)))
        await census.refresh()
        assert len(census.on(SIM)) == 40
        assert store.rows == []


@pytest.mark.parametrize("since", [SECOND, timedelta(0), -2 * SECOND], ids=str)
async def test_a_change_is_heard_by_whatever_clock_it_was_stamped(since: timedelta) -> None:
    async with a_scene() as scene:
        old = replace(made(scene, 50), updated_at=scene.clock.now() - 60 * SECOND)
        _, census = await counted(scene, old, *(made(scene, n) for n in range(1, 41)))
        changed = replace(old, desired=7, updated_at=scene.clock.now() + since)
        await scene.store.write(lambda tx: tx.clusters.put(changed))
        await census.refresh()
        wanted = {each.cluster.id: each.cluster.desired for each in census.on(SIM)}
        assert wanted[old.id] == 7


async def test_a_cluster_in_place_of_another_is_heard() -> None:
    async with a_scene() as scene:
        first, *others = [made(scene, n) for n in range(1, 41)]
        _, census = await counted(scene, first, *others)

        def replaced(tx: Any) -> None:
            tx.clusters.drop(first.id)
            tx.clusters.put(made(scene, 99, updated_at=scene.clock.now() + SECOND))

        await scene.store.write(replaced)
        await census.refresh()
        there = {each.cluster.id.int for each in census.on(SIM)}
        assert there == {*range(2, 41), 99}


async def test_one_that_is_gone_is_forgotten_and_one_that_serves_no_more_too() -> None:
    async with a_scene() as scene:
        first, second, third = (made(scene, n) for n in range(1, 4))
        _, census = await counted(scene, first, second, third)
        silent = replace(second, service=None, updated_at=scene.clock.now() + SECOND)

        def changed(tx: Any) -> None:
            tx.clusters.drop(first.id)
            tx.clusters.put(silent)

        await scene.store.write(changed)
        await census.refresh()
        assert [each.cluster.id for each in census.on(SIM)] == [third.id]
