"""What every store promises about blocks: all of one or nothing, and in order."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from builders import NOW, WEB, a_cluster, a_new_cluster, a_node
from muster.base.errors import Bug, Conflict
from muster.ports.store import Query

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(any_store):
    return any_store


async def test_a_block_that_ends_badly_leaves_no_trace(store):
    def spoiled(tx):
        tx.clusters.put(a_cluster())
        tx.settings.put("a", "b")
        tx.leases.take("tick", "me", NOW, NOW + SECOND)
        tx.marks.mark(WEB)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(spoiled)

    def left(tx):
        return tx.clusters.find(Query()), tx.settings.get("a"), tx.marks.due(), tx.events.newest()

    assert await store.read(left) == ([], None, None, 0)
    assert await store.write(lambda tx: tx.leases.take("tick", "you", NOW, NOW + SECOND))


async def test_works_that_fail_beside_others_undo_only_themselves(store):
    """On SQLite these share one commit."""

    def work(tx, i):
        tx.nodes.put(a_node(i))
        if i % 3 == 0:
            raise Conflict(f"no {i}")
        return i

    results = await asyncio.gather(
        *(store.write(lambda tx, i=i: work(tx, i)) for i in range(1, 61)), return_exceptions=True
    )
    assert [each for each in results if isinstance(each, int)] == [i for i in range(1, 61) if i % 3]
    assert {str(each) for each in results if not isinstance(each, int)} == {
        f"no {i}" for i in range(3, 61, 3)
    }
    left = await store.read(lambda tx: tx.nodes.find(Query(sort=(("index", False),))))
    assert [node.index for node in left] == [i for i in range(1, 61) if i % 3]


async def test_many_writers_at_once_lose_nothing(store):
    """Everybody adds one to the same row: each sees what the one before has written."""
    await store.write(lambda tx: tx.clusters.put(a_new_cluster(generation=0)))

    def grow(tx):
        cluster = tx.clusters.get(WEB)
        tx.clusters.put(replace(cluster, generation=cluster.generation + 1))
        return cluster.generation + 1

    grown = await asyncio.gather(*(store.write(grow) for _ in range(40)))
    assert sorted(grown) == list(range(1, 41))
    last = await store.read(lambda tx: tx.clusters.get(WEB))
    assert last.generation == 40


async def test_of_two_that_take_one_name_at_once_one_is_refused(store):
    def create(tx, id):
        if tx.clusters.count(Query(where={"name": ("web",)}, project="demo")):
            raise Conflict("taken")
        tx.clusters.put(a_cluster(id=UUID(int=id), name="web"))

    results = await asyncio.gather(
        *(store.write(lambda tx, id=id: create(tx, id)) for id in range(1, 9)),
        return_exceptions=True,
    )
    assert [type(each) for each in results].count(type(None)) == 1
    assert [type(each) for each in results].count(Conflict) == 7
    assert await store.read(lambda tx: tx.clusters.count(Query())) == 1


async def test_of_two_that_change_to_one_name_at_once_one_is_refused(store):
    clusters = [a_cluster(id=UUID(int=i), name=f"web{i}") for i in range(1, 6)]
    await store.write(lambda tx: tx.clusters.put(*clusters))

    def rename(tx, cluster):
        if tx.clusters.count(Query(where={"name": ("new",)}, project="demo")):
            raise Conflict("taken")
        tx.clusters.put(replace(cluster, name="new"))

    results = await asyncio.gather(
        *(store.write(lambda tx, each=each: rename(tx, each)) for each in clusters),
        return_exceptions=True,
    )
    assert [type(each) for each in results].count(type(None)) == 1


async def test_a_read_sees_one_moment(store):
    """However many writes end meanwhile, the nodes are as many as the cluster says."""

    def write(tx, i):
        tx.nodes.put(a_node(i))
        tx.clusters.put(a_cluster(desired=tx.nodes.count(Query())))

    def look(tx):
        nodes = tx.nodes.count(Query())
        cluster = tx.clusters.get(WEB)
        return nodes, cluster.desired if cluster else 0

    async def watch():
        return [await store.read(look) for _ in range(30)]

    writing = [store.write(lambda tx, i=i: write(tx, i)) for i in range(1, 31)]
    seen, *_ = await asyncio.gather(watch(), *writing)
    assert all(nodes == desired for nodes, desired in seen)
    assert await store.read(look) == (30, 30)


async def test_a_read_cannot_write(store):
    with pytest.raises(Bug):
        await store.read(lambda tx: tx.clusters.put(a_cluster()))
    assert await store.read(lambda tx: tx.clusters.get(WEB)) is None
    await store.write(lambda tx: tx.clusters.put(a_cluster()))
