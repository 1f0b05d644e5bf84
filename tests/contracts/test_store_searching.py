"""What every store finds: by values, in order, a page at a time."""

from datetime import timedelta
from uuid import UUID

import pytest

from builders import LONG_AGO, NOW, WEB, a_cluster, a_node
from muster.base.errors import Bug
from muster.model.node import NodeStatus
from muster.ports.store import Query

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(any_store):
    return any_store


async def test_a_search_finds_by_any_of_several_values(store):
    nodes = [
        a_node(1, status=NodeStatus.ACTIVE),
        a_node(2, status=NodeStatus.ERROR),
        a_node(3, status=NodeStatus.CREATING, cluster_id=None, project="other"),
    ]
    await store.write(lambda tx: tx.nodes.put(*nodes))

    async def found(**query):
        got = await store.read(lambda tx: tx.nodes.find(Query(sort=(("index", False),), **query)))
        many = await store.read(lambda tx: tx.nodes.count(Query(**query)))
        assert many == len(got)
        return [node.index for node in got]

    assert await found() == [1, 2, 3]
    assert await found(where={"status": (NodeStatus.ERROR,)}) == [2]
    assert await found(where={"status": ("ERROR", "ACTIVE")}) == [1, 2]
    assert await found(where={"status": ()}) == []
    assert await found(where={"index": (1, 3)}) == [1, 3]
    assert await found(where={"cluster_id": (WEB,), "index": (2, 3)}) == [2]
    assert await found(where={"cluster_id": (None,)}) == [3]
    assert await found(where={"cluster_id": (None, WEB)}) == [1, 2, 3]
    assert await found(where={"init_at": (LONG_AGO,)}) == [1, 2, 3]
    assert await found(where={"id": tuple(n.id for n in nodes[:2])}) == [1, 2]
    assert await found(where={"name": ("web-001' OR 1=1 --", "web\0")}) == []
    assert await found(project="other") == [3]
    assert await found(project="nobody's") == []


async def test_a_search_by_many_ids_is_one_search(store):
    nodes = [a_node(i) for i in range(1, 2001)]
    await store.write(lambda tx: tx.nodes.put(*nodes))
    every = tuple(node.id for node in nodes) + tuple(UUID(int=i) for i in range(40_000))
    assert await store.read(lambda tx: tx.nodes.count(Query(where={"id": every}))) == 2000


async def test_a_search_by_an_unknown_column_is_a_bug(store):
    for query in (Query(where={"colour": ("red",)}), Query(sort=(("body", False),))):
        with pytest.raises(Bug):
            await store.read(lambda tx, query=query: tx.nodes.find(query))


async def test_the_beginning_of_an_id_finds_it(store):
    ids = [UUID(f"abcdef0{i}-0000-0000-0000-000000000000") for i in range(3)]
    await store.write(lambda tx: tx.clusters.put(*(a_cluster(id=id) for id in ids)))

    async def found(prefix):
        got = await store.read(lambda tx: tx.clusters.find(Query(id_prefix=prefix)))
        return [cluster.id for cluster in got]

    assert await found("abcdef") == ids
    assert await found("abcdef01") == ids[1:2]
    assert await found(str(ids[2])) == ids[2:]
    for nothing in ("abd", "%", "abcdefg", "\0"):
        assert await found(nothing) == []


async def test_order_puts_nulls_first_ascending_and_last_descending(store):
    times = {1: None, 2: NOW, 3: LONG_AGO, 4: None}
    clusters = [a_cluster(id=UUID(int=i), updated_at=at) for i, at in times.items()]
    await store.write(lambda tx: tx.clusters.put(*clusters))

    async def order(*sort):
        got = await store.read(lambda tx: tx.clusters.find(Query(sort=sort)))
        return [cluster.id.int for cluster in got]

    assert await order(("updated_at", False)) == [1, 4, 3, 2]
    assert await order(("updated_at", True)) == [2, 3, 1, 4]
    assert await order(("updated_at", True), ("id", True)) == [2, 3, 4, 1]
    assert await order() == [1, 2, 3, 4]


async def test_the_latest_changes_are_told_newest_first_and_what_never_changed_is_not(store):
    times = {1: None, 2: LONG_AGO, 3: NOW, 4: NOW, 5: NOW - SECOND}
    clusters = [a_cluster(id=UUID(int=i), updated_at=at) for i, at in times.items()]
    assert await store.read(lambda tx: tx.clusters.latest(3)) == []
    await store.write(lambda tx: tx.clusters.put(*clusters))
    assert await store.read(lambda tx: tx.clusters.latest(3)) == [NOW, NOW, NOW - SECOND]
    assert await store.read(lambda tx: len(tx.clusters.latest(9))) == 4


async def test_words_are_ordered_by_their_bytes(store):
    names = ["a", "B", "_", "aa", "ä", "Z"]
    clusters = [a_cluster(id=UUID(int=i), name=name) for i, name in enumerate(names)]
    await store.write(lambda tx: tx.clusters.put(*clusters))
    got = await store.read(lambda tx: tx.clusters.find(Query(sort=(("name", False),))))
    assert [cluster.name for cluster in got] == sorted(names, key=str.encode)


async def test_a_page_begins_after_its_marker(store):
    nodes = [a_node(i) for i in range(1, 8)]
    await store.write(lambda tx: tx.nodes.put(*nodes))

    async def page(**query):
        got = await store.read(lambda tx: tx.nodes.find(Query(sort=(("index", False),), **query)))
        return [node.index for node in got]

    assert await page(limit=3) == [1, 2, 3]
    assert await page(limit=3, marker=nodes[2].id) == [4, 5, 6]
    assert await page(limit=3, marker=nodes[6].id) == []
    assert await page(limit=0) == []
    assert await page(marker=UUID(int=99), limit=2) == [1, 2]  # unknown: ignored
    assert await page(marker=nodes[3].id, where={"index": (2, 6)}) == [6]


async def test_a_marker_of_another_project_is_unknown(store):
    mine = [a_cluster(id=UUID(int=i), project="mine") for i in (1, 3)]
    theirs = a_cluster(id=UUID(int=2), project="theirs")
    await store.write(lambda tx: tx.clusters.put(*mine, theirs))
    query = Query(project="mine", marker=theirs.id)
    assert await store.read(lambda tx: tx.clusters.find(query)) == mine
